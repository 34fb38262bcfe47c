"""Tuning as typed: src/tune.py, and lr=tuned behind it."""

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from typed import python

GRID = ["experiment=digits", "activation=relu,sigmoid", "depth=1,2", "seed=0,1"]
TINY = ["trainer.max_epochs=2", "data.train_size=128", "width=4", "tuning.seeds=2", "mlflow.tracking_uri=null"]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a tiny study was tuned, and trained with what came of it."""
    folder = tmp_path_factory.mktemp("checkout")
    for script, *flags in (("tune.py", "-m"), ("train.py", "-m"), ("theory.py", "-m"), ("aggregate.py",)):
        done = python(folder, script, *flags, *GRID, *TINY)
        assert done.returncode == 0, done.stderr
    return folder


def rates(folder: Path) -> list[dict[str, str]]:
    with open(folder / "results/digits/lr.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_cell_gets_the_rate_with_the_highest_mean_validation_accuracy(tuned: Path) -> None:
    tuning = pd.read_parquet(tuned / "results/digits/tuning.parquet")
    assert [(row["activation"], row["depth"]) for row in rates(tuned)] == [
        ("relu", "1"),
        ("relu", "2"),
        ("sigmoid", "1"),
        ("sigmoid", "2"),
    ]
    for row in rates(tuned):
        own = tuning[tuning["cell"] == row["cell"]]
        means = own.groupby("lr")["val_accuracy"].mean()
        if row["flag"] != "none learned":
            assert means[float(row["lr"])] == pytest.approx(means.max())
        assert float(row["val_accuracy"]) == pytest.approx(means[float(row["lr"])], rel=1e-5)
        assert own["val_loss"].notna().all() or (own["status"] == "diverged").any()
        # the same seeds at every rate
        assert (own.groupby("lr")["seed"].nunique() == 2).all()


def test_runs_of_the_study_have_the_tuned_rate_and_other_seeds(tuned: Path) -> None:
    runs = pd.read_parquet(tuned / "results/digits/runs.parquet")
    tuning = pd.read_parquet(tuned / "results/digits/tuning.parquet")
    chosen = {(row["activation"], int(row["depth"])): float(row["lr"]) for row in rates(tuned)}
    assert {(a, d): lr for a, d, lr in zip(runs["activation"], runs["depth"], runs["lr"], strict=True)} == chosen
    assert len(runs) == 8
    assert set(runs["seed"]) == {0, 1}
    assert not set(runs["seed"]) & set(tuning["seed"])
    purposes = {
        path.parent.name: json.loads(path.read_text())["config"]["purpose"] for path in tuned.glob("runs/*/run.json")
    }
    assert {purposes[run] for run in runs["run_id"]} == {"study"}
    assert {purposes[run] for run in tuning["run_id"]} == {"tuning"}


def test_tuning_again_trains_nothing_and_changes_no_byte(tuned: Path) -> None:
    files = [tuned / "results/digits" / name for name in ("lr.csv", "tuning.parquet")]
    before = [file.read_bytes() for file in files]
    done = python(tuned, "tune.py", *GRID, *TINY)
    assert done.returncode == 0, done.stderr
    total = len(pd.read_parquet(files[1]))
    assert f"{total} runs, {total} of them done already" in done.stdout
    assert [file.read_bytes() for file in files] == before


def test_a_further_cell_keeps_the_rates_of_the_others(tuned: Path) -> None:
    before = {row["cell"]: row["lr"] for row in rates(tuned)}
    done = python(tuned, "tune.py", "-m", "experiment=digits", "activation=tanh", "depth=1", "seed=0", *TINY)
    assert done.returncode == 0, done.stderr
    after = {row["cell"]: row["lr"] for row in rates(tuned)}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    assert "4 of other cells stay" in done.stdout
    tuning = pd.read_parquet(tuned / "results/digits/tuning.parquet")
    assert tuning.groupby("cell").size().index.isin(after).all() and tuning["cell"].nunique() == len(after)
    # whatever relu and sigmoid tried at this depth
    tried = {name: set(runs["lr"]) for name, runs in tuning[tuning["depth"] == 1].groupby("activation")}
    assert tried["tanh"] >= tried["relu"] == tried["sigmoid"]
    # a study that does not have it looks as before
    assert set(json.loads((tuned / "data/digits-tuning.json").read_text())) == set(tuning["run_id"])
    done = python(tuned, "aggregate.py", *GRID, *TINY)
    assert done.returncode == 0, done.stderr
    done = python(tuned, "report.py", "digits")
    assert done.returncode == 0, done.stderr
    page = (tuned / "reports/digits/README.md").read_text()
    assert "For each of 4 cells" in page
    assert "tanh" not in page.partition("## Learning rates")[2].partition("\n## ")[0]
    one = python(tuned, "train.py", "experiment=digits", "activation=tanh", "depth=1", "seed=5", *TINY)
    assert one.returncode == 0, one.stderr


def test_where_a_rate_is_given_there_is_nothing_to_tune(tmp_path: Path) -> None:
    done = python(tmp_path, "tune.py", "-m", *GRID, *TINY, "lr=0.05")
    assert done.returncode == 0, done.stderr
    assert "nothing to tune" in done.stdout
    assert rates(tmp_path) == []
    assert len(pd.read_parquet(tmp_path / "results/digits/tuning.parquet")) == 0
    assert not list(tmp_path.glob("runs/*/run.json"))


def test_a_study_of_tuned_and_given_rates_has_two_facets(tmp_path: Path) -> None:
    small = ["trainer.max_epochs=1", "data.train_size=64", "width=4", "tuning.seeds=1", "tuning.extensions=0"]
    grid = ["experiment=digits", "activation=relu,sigmoid", "depth=1", "seed=0,1", *small]
    grid += ["optimizer.lr_grid=[0.01,0.0316]", "mlflow.tracking_uri=null", "diagnostics=off"]
    done = python(tmp_path, "tune.py", *grid)
    assert done.returncode == 0, done.stderr
    chosen = {row["activation"]: float(row["lr"]) for row in rates(tmp_path)}
    lr = chosen["relu"]
    tuning = len(list(tmp_path.glob("runs/*/run.json")))
    for script, *arguments in (
        ("train.py", "-m", *grid, f"lr=tuned,{lr:g}"),
        ("theory.py", "-m", *grid, f"lr=tuned,{lr:g}"),
        ("aggregate.py", *grid, f"lr=tuned,{lr:g}"),
        ("report.py", "digits"),
    ):
        done = python(tmp_path, script, *arguments)
        assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "results/digits/runs.parquet")
    # the same cells on both sides
    sides = dict(tuple(table.groupby("given_lr")))
    assert {way: len(side) for way, side in sides.items()} == {"tuned": 4, f"{lr:g}": 4}
    assert dict(zip(sides["tuned"]["activation"], sides["tuned"]["lr"], strict=True)) == chosen
    assert set(sides[f"{lr:g}"]["lr"]) == {lr}
    # a cell that is in both, such as relu's, was trained once
    both = sum(rate == lr for rate in chosen.values()) * 2
    assert len(list(tmp_path.glob("runs/*/run.json"))) == tuning + 8 - both
    assert table["run_id"].is_unique
    assert table["run_id"].str.partition("+")[0].nunique() == 8 - both
    metrics = json.loads((tmp_path / "results/digits/metrics.json").read_text())
    assert {"lr=tuned", f"lr={lr:g}"} <= set(metrics)
    # claims are decided with tuned rates, where the pair is complete
    claims = {claim["id"]: claim for claim in json.loads((tmp_path / "results/digits/claims.json").read_text())}
    assert claims["C17"]["verdict"] != "not tested"
    contrasts = pd.read_parquet(tmp_path / "results/digits/contrasts.parquet")
    assert set(contrasts.loc[contrasts["claim"] == "C17", "facet"]) == {"lr=tuned"}
    page = (tmp_path / "reports/digits/README.md").read_text()
    assert "tuned for 2 of 4 cells" in page


def test_files_that_cannot_be_added_to_are_written_anew(tuned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(tuned, folder)
    (folder / "results/digits/tuning.parquet").write_bytes(b"PAR1")
    done = python(folder, "tune.py", *GRID, *TINY)
    assert done.returncode == 0, done.stderr
    assert "warning: results/digits/tuning.parquet is damaged" in done.stdout
    assert "other cells than those of this grid are left out" in done.stdout
    assert len(rates(folder)) == 4
    again = python(folder, "tune.py", *GRID, *TINY)
    assert "warning" not in again.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("tune.py", ["seed=1000000"], "seed=1000000 is a tuning seed"),
        ("tune.py", ["optimizer.lr_grid=[1,0.1]"], "'optimizer.lr_grid=[0.001,0.1]', not [1, 0.1]"),
        ("tune.py", ["activation=relo"], "did you mean 'relu'"),
        ("tune.py", ["tuning.seeds=0"], "tuning.seeds must be at least 1"),
        ("train.py", ["-m", "depth=3"], "python src/tune.py -m experiment=digits"),
        ("status.py", ["depth=3"], "python src/tune.py -m experiment=digits"),
    ],
)
def test_what_cannot_be_tuned_is_told_in_one_line(
    tmp_path: Path, script: str, arguments: list[str], message: str
) -> None:
    done = python(tmp_path, script, "experiment=digits", *arguments)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert message in lines[0]
