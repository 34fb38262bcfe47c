"""src/reproduce.py: runs of a study trained once more, and compared with its tables to the last bit."""

import json
import shutil
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from faults_study import GRID, refusal, script, sweep
from whyrelu.results.files import write_table

RESULTS = Path("results/digits")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the tables of a tiny study and nothing else, as somebody else has them who clones a project."""
    folder = tmp_path_factory.mktemp("published")
    with chdir(folder):
        sweep()
        script("theory.py", "-m", *GRID)
        script("aggregate.py", *GRID)
        shutil.rmtree("runs")
        shutil.rmtree("data")
    return folder


@pytest.fixture
def clone(published, tmp_path, monkeypatch):
    """A copy of it, which is the working directory."""
    folder = tmp_path / "clone"
    shutil.copytree(published, folder)
    monkeypatch.chdir(folder)
    return folder


def run_ids():
    return list(pd.read_parquet(RESULTS / "runs.parquet")["run_id"])


def changed(name, column, change):
    """A table in which one value of the last row is another."""
    table = pd.read_parquet(RESULTS / name)
    table.loc[len(table) - 1, column] = change(table[column].iloc[-1])
    write_table(table, RESULTS / name)


def test_runs_trained_again_are_identical_and_leave_nothing_behind(clone, capsys):
    script("reproduce.py", "digits", "--runs", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*run_ids(), "identical"]
    assert all(line.endswith("identical") for line in lines)
    assert not (clone / "runs").exists()


@pytest.mark.parametrize(
    ("name", "column"),
    [("runs.parquet", "train_loss"), ("history.parquet", "val_loss"), ("layers.parquet", "gradient")],
)
def test_the_last_bit_of_a_published_number_counts(clone, capsys, name, column):
    changed(name, column, lambda value: np.nextafter(value, np.inf))
    first, last = run_ids()
    script("reproduce.py", "digits", first[:6])
    assert f"{first} " in capsys.readouterr().out
    line = refusal(capsys, "reproduce.py", "digits", last[:6])
    assert f"{last}: {name}: {column} differs, first " in line
    assert "published" in line


def test_a_row_that_is_missing_counts(clone, capsys):
    table = pd.read_parquet(RESULTS / "layers.parquet")
    write_table(table.iloc[:-1], RESULTS / "layers.parquet")
    assert "layers.parquet: 2 rows published, 3 here" in refusal(capsys, "reproduce.py", "digits", run_ids()[-1])


def test_names_that_are_of_no_run_or_of_several_are_refused(clone, capsys):
    assert "xyz is the beginning of no run in results/digits/runs.parquet" in refusal(
        capsys, "reproduce.py", "digits", "xyz"
    )
    assert "is the beginning of 2 runs" in refusal(capsys, "reproduce.py", "digits", "")
    assert "runs must be at least 1, not 0" in refusal(capsys, "reproduce.py", "digits", "--runs", "0")
    assert "results/other" in refusal(capsys, "reproduce.py", "other")


def test_a_study_of_other_code_is_not_compared(clone, capsys):
    facts = json.loads((RESULTS / "provenance.json").read_text())
    facts["code_version"] = ["0123456789ab"]
    (RESULTS / "provenance.json").write_text(json.dumps(facts))
    line = refusal(capsys, "reproduce.py", "digits")
    assert "is of another training code, version 0123456789ab" in line
    assert "git log -1 -- results/digits" in line
