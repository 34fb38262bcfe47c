"""A tiny study from the first command to the last, as a person types them in a folder of their own."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from typed import ended, finished, start, typed
from whyrelu.errors import UserError
from whyrelu.files import write_json
from whyrelu.results.files import write_table
from whyrelu.results.reproduction import published_overrides, reproduce
from whyrelu.results.study import Study
from whyrelu.tuning.rates import compose_tuned_grid

GRID = ["study=tiny", "lr=tuned", "activation=relu,sigmoid", "depth=1", "seed=0,1", "width=4", "data.train_size=128"]
GRID += ["trainer.max_epochs=1", "optimizer._target_=mine.Counted", "optimizer.lr_grid=[0.01,0.0316]"]
GRID += ["tuning.seeds=1", "tuning.extensions=0", "tuning.confirm_seeds=0", "mlflow.tracking_uri=null"]
# An optimizer of a person's own, which notes every training that begins.
MINE = """
import torch


class Counted(torch.optim.SGD):
    def __init__(self, *given, **settings):
        super().__init__(*given, **settings)
        with open("starts", "a") as file:
            file.write("one\\n")
"""

pytestmark = pytest.mark.timeout(600)
Journey = tuple[Path, dict[str, Any]]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def starts(folder: Path) -> int:
    """How many trainings have begun."""
    return len((folder / "starts").read_text().splitlines())


def together(folder: Path, *commands: Sequence[str]) -> list[str]:
    """Type commands at once; what they printed."""
    return [finished(process) for process in [start(folder, *command) for command in commands]]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The folder, and what was seen on the way."""
    folder = tmp_path_factory.mktemp("journey")
    (folder / "mine.py").write_text(MINE)
    typed(folder, "tune.py", *GRID, "hydra/launcher=basic")
    seen: dict[str, Any] = {"tuning starts": starts(folder)}
    sweep = ["train.py", "-m", *GRID]
    # on the default launcher and on Hydra's simplest
    seen["sweeps"] = together(folder, [*sweep, "hydra.launcher.n_jobs=1"], [*sweep, "hydra/launcher=basic"])
    seen["starts"], seen["runs"] = starts(folder), contents(folder / "runs")
    seen["again"], *_ = together(folder, sweep, ["theory.py", "-m", *GRID], ["timing.py", *GRID, "timing=off"])
    typed(folder, "aggregate.py", *GRID)
    typed(folder, "report.py", "tiny")
    seen["effects"] = (folder / "results/tiny/effects.csv").read_bytes()
    last = ["decide.py"], ["status.py", *GRID], ["reproduce.py", "tiny", "--runs", "1"]
    _, seen["status"], seen["reproduce"] = together(folder, *last)
    return folder, seen


def test_every_cell_is_tuned_and_the_study_uses_its_rates_and_not_its_seeds(journey: Journey) -> None:
    folder, seen = journey
    rates = pd.read_csv(folder / "results/tiny/lr.csv").set_index("activation")["lr"].to_dict()
    tuning, runs = (pd.read_parquet(folder / f"results/tiny/{name}.parquet") for name in ("tuning", "runs"))
    assert (len(tuning), seen["tuning starts"], len(runs)) == (4, 4, 4)
    assert runs.groupby("activation")["lr"].unique().map(list).to_dict() == {name: [lr] for name, lr in rates.items()}
    assert set(runs["seed"]) == {0, 1} and not set(tuning["seed"]) & {0, 1}


def test_two_sweeps_at_once_share_the_work_and_a_third_finds_none(journey: Journey) -> None:
    folder, seen = journey
    assert seen["starts"] == seen["tuning starts"] + 4
    assert len(list((folder / "runs/tiny").glob("*/run.json"))) == 4
    for output in (*seen["sweeps"], seen["again"]):
        assert [line.split()[:2] for line in output.splitlines()[-2:]] == [["relu", "2"], ["sigmoid", "2"]]
    assert "4 runs, 4 of them done already" in seen["again"]
    assert contents(folder / "runs") == seen["runs"]
    assert not [name for name in seen["runs"] if not name.endswith(("run.json", "layers.npy", "lock"))]


def test_tables_claims_and_pages_are_made(journey: Journey) -> None:
    folder, seen = journey
    runs = Study(folder / "results/tiny").runs
    assert set(runs["outcome"]) <= {"learned", "slow", "chance"} and len(runs) == 4
    for page in ("reports/README.md", "reports/tiny/README.md"):
        assert "tiny" in (folder / page).read_text()
    assert (folder / "docs/claims.md").is_file() and (folder / "results/claims.json").is_file()
    assert (folder / "results/tiny/effects.csv").read_bytes() == seen["effects"], "decided anew it is the same"


def test_status_and_reproduction_say_so(journey: Journey) -> None:
    _, seen = journey
    assert seen["status"].startswith("4 runs: 4 done, 0 failed, 0 begun, 0 missing")
    assert seen["reproduce"].splitlines()[-1] == "identical"


def test_what_differs_between_two_checkouts_is_an_error(journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(journey[0] / "results", tmp_path / "results")
    (tmp_path / "results/tiny/curves.csv").write_text("")
    code, cells, verdict = ended(start(journey[0], "compare.py", "tiny", str(tmp_path)))
    assert code == 1 and "relu" in cells and "curves.csv" in verdict


@pytest.fixture
def clone(journey: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The tables alone, as somebody else has them who clones the project; the folder is the working directory."""
    folder = tmp_path / "clone"
    shutil.copytree(journey[0] / "results", folder / "results")
    (folder / "mine.py").write_text(MINE)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return Study(Path("results/tiny"))


def trained_again(study: Study, names: Sequence[str], count: int = 1) -> list[str]:
    return reproduce(study, compose_tuned_grid(published_overrides(study)), names, count)


def test_the_last_bit_of_a_published_number_and_every_row_count(clone: Study) -> None:
    runs, layers = clone.runs, clone.layers
    last = str(runs["run_id"].iloc[-1])
    runs.loc[len(runs) - 1, "train_loss"] = np.nextafter(runs["train_loss"].iloc[-1], np.inf)
    write_table(runs, clone.folder / "runs.parquet")
    write_table(layers.drop(layers.index[layers["run_id"] == last][-1]), clone.folder / "layers.parquet")
    found = trained_again(Study(clone.folder), [last[:8]])
    assert [text.split(" differs")[0] for text in found] == [
        f"{last}: runs.parquet: train_loss",
        f"{last}: layers.parquet: 1 rows published, 2 here",
    ]


def test_what_cannot_be_reproduced_is_told(clone: Study) -> None:
    def refused(*names: str, count: int = 1, folder: Path = clone.folder) -> str:
        with pytest.raises(UserError) as caught:
            trained_again(Study(folder), names, count)
        return str(caught.value)

    assert "xyz is the beginning of 0 runs" in refused("xyz")
    assert "is the beginning of 4 runs" in refused("")
    assert "at least 1" in refused(count=0)
    assert "results/other" in refused(folder=Path("results/other"))
    write_json({**clone.provenance, "code_version": ["0123456789ab"]}, clone.folder / "provenance.json")
    assert "another training code, version 0123456789ab" in refused()
