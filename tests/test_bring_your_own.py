"""The examples of the README for what a person may bring, typed as they stand there into a copy of the project."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from documented import ROOT, checkout, commands, section, typed, write_files

pytestmark = pytest.mark.soak

PAGE = section((ROOT / "README.md").read_text(), "Bring your own")
# The examples begin with what they are of, in bold.
EXAMPLES = {
    name: "**" + part for name, part in zip(("activation", "images", "level"), PAGE.split("\n**")[1:], strict=True)
}


@pytest.fixture
def folder(tmp_path):
    return checkout(tmp_path / "checkout")


def outcome(folder, example, study):
    """Runs, claims and the page that an example ends in, after its files were written and its commands typed."""
    assert write_files(EXAMPLES[example], folder)
    typed(folder, commands(EXAMPLES[example]))
    results = folder / "results" / study
    claims = {claim["id"]: claim for claim in json.loads((results / "claims.json").read_text())}
    return pd.read_parquet(results / "runs.parquet"), claims, (folder / "reports" / study / "README.md").read_text()


def figure(folder, study, name):
    return (folder / "reports" / study / "figures" / f"{name}.svg").read_text()


def test_an_activation_is_trained_compared_and_told_of(folder):
    runs, claims, page = outcome(folder, "activation", "mine")
    assert sorted(zip(runs["activation"], runs["seed"], strict=True)) == [
        *(("relu", 0), ("relu", 1)),
        *(("swell", 0), ("swell", 1)),
    ]
    assert np.isfinite(runs["test_accuracy"]).all()
    # in the first sentence, in tables, in the name of a comparison, and in figures
    assert "swell" in page.partition("## ")[0]
    assert "| swell | 4 | 2 |" in page
    assert "swell minus relu" in page
    assert claims["C15"]["verdict"] == "supported"
    layers = pd.read_parquet(folder / "results/mine/layers.parquet")
    assert set(layers["run_id"]) == set(runs["run_id"])
    for name in ("accuracy", "functions", "gradients-at-init"):
        assert (folder / f"reports/mine/figures/{name}.svg").is_file()
        assert f"(figures/{name}.svg)" in page
    assert "[mine](mine/README.md)" in (folder / "reports/README.md").read_text()


def test_a_folder_of_images_is_a_data_set(folder):
    generator = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(100):
            pixels = generator.integers(100 * label, 100 * label + 156, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{i}.png")
    runs, claims, page = outcome(folder, "images", "photos")
    assert set(runs["data"]) == {"photos"}
    assert len(runs) == 4
    assert "photos: 120 training, 40 validation and 40 test images of 16 x 16 x 3, 2 classes" in page
    assert claims["C17"]["verdict"] != "not tested"
    assert "relu - sigmoid" in page
    assert "photos, 120 training" in (folder / "reports/README.md").read_text()


def test_a_level_of_a_factor_is_compared_with_the_others(folder):
    runs, claims, page = outcome(folder, "level", "inits")
    assert runs.groupby("init").size().to_dict() == {"between": 4, "he": 4}
    theory = pd.read_parquet(folder / "results/inits/theory.parquet")
    first = theory[(theory["activation"] == "relu") & (theory["layer"] == 1)].set_index("init")
    # weight variances of 1.5 and 2 over the fan-in
    assert first["chi"]["between"] / first["chi"]["he"] == pytest.approx(0.75)
    assert "| between | relu | 4 | 2 |" in page
    assert "init=between" in page
    assert any("init-between" in path.stem for path in (folder / "reports/inits/figures").iterdir())
    assert claims["C17"]["verdict"] != "not tested"
