"""The examples of docs/usage.md for what a person may bring, typed as they stand there into a copy of the project."""

import numpy as np
import pandas as pd
import pytest

from documented import ROOT, checkout, commands, section, typed, write_files, write_photos
from sound_pages import is_whole

pytestmark = pytest.mark.soak

PAGE = section((ROOT / "docs/usage.md").read_text(), "Bring your own")
# The examples begin with what they are of, in bold.
NAMES = ("activation", "images", "data set", "level", "claim")
EXAMPLES = {name: "**" + part for name, part in zip(NAMES, PAGE.split("\n**")[1:], strict=True)}


@pytest.fixture
def folder(tmp_path):
    return checkout(tmp_path / "checkout")


def outcome(folder, example, study):
    """Runs, claims with effects, and the page that an example ends in, whose files were written and commands typed."""
    assert write_files(EXAMPLES[example], folder)
    typed(folder, commands(EXAMPLES[example]))
    results, page = folder / "results" / study, folder / "reports" / study / "README.md"
    is_whole(page.read_text())
    effects = pd.read_csv(results / "effects.csv")
    return pd.read_parquet(results / "runs.parquet"), set(effects["claim"]), page.read_text()


def test_an_activation_is_trained_compared_and_told_of(folder):
    runs, claims, page = outcome(folder, "activation", "mine")
    assert sorted(zip(runs["activation"], runs["seed"], strict=True)) == [
        *(("relu", 0), ("relu", 1)),
        *(("swell", 0), ("swell", 1)),
    ]
    assert np.isfinite(runs["test_accuracy"]).all()
    assert "ReLU and swell; 4 layers" in page and "| swell |" in page
    assert "C7" in claims
    layers = pd.read_parquet(folder / "results/mine/layers.parquet")
    assert set(layers["run_id"]) == set(runs["run_id"])
    for name in ("remedies", "gradients-at-init"):
        assert (folder / f"reports/mine/figures/{name}.svg").is_file()
        assert f"(figures/{name}.svg)" in page


def test_a_folder_of_images_is_a_data_set(folder):
    write_photos(folder)
    runs, claims, page = outcome(folder, "images", "photos")
    assert set(runs["data"]) == {"photos"}
    assert len(runs) == 4
    assert "photos: 120 for training, 40 for validation, 40 for the test" in page
    details = (folder / "reports/photos/details.md").read_text()
    assert "2 classes, 16 x 16 x 3" in details and "ReLU - sigmoid" in details
    assert "C17" in claims


def test_a_level_of_a_factor_is_compared_with_the_others(folder):
    runs, claims, page = outcome(folder, "level", "inits")
    assert runs.groupby("init").size().to_dict() == {"between": 4, "he": 4}
    theory = pd.read_parquet(folder / "results/inits/theory.parquet")
    first = theory[(theory["activation"] == "relu") & (theory["layer"] == 1)].set_index("init")
    # weight variances of 1.5 and 2 over the fan-in
    assert first["chi"]["between"] / first["chi"]["he"] == pytest.approx(0.75)
    assert "| initialisation | He's initialisation and between |" in page
    assert "C17" in claims
