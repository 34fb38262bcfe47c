"""Runs of a study trained once more, and compared with its tables to the last bit."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from whyrelu.errors import UserError
from whyrelu.report.notebook import run_study
from whyrelu.reproduce import reproduce
from whyrelu.results.files import write_table

GRID = ["study=tiny", "activation=relu,sigmoid", "depth=1", "width=2", "lr=0.1", "trainer.max_epochs=2"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The tables of a tiny study, and data."""
    folder = tmp_path_factory.mktemp("published")
    run_study([*GRID, "data.train_size=64", "diagnostics=full"], folder)
    shutil.rmtree(folder / "runs")
    return folder / "results" / "tiny"


@pytest.fixture
def results(published, tmp_path):
    """A copy of them."""
    return shutil.copytree(published, tmp_path / "tiny")


def ids(results):
    return list(pd.read_parquet(results / "runs.parquet")["run_id"])


def reproduced(results, *names, count=2):
    """What differs of some runs, and which were trained."""
    trained = []
    found = reproduce(results, names, count, results.parent / "runs", lambda run, differences: trained.append(run))
    return found, [run.run_id for run in trained]


def test_runs_trained_again_are_identical(results):
    assert reproduced(results) == ([], ids(results))


def test_the_last_bit_of_a_published_number_counts_and_a_row_that_is_missing(results):
    for name, column in (("runs", "train_loss"), ("history", "val_loss"), ("layers", "gradient")):
        table = pd.read_parquet(results / f"{name}.parquet")
        table.loc[len(table) - 1, column] = np.nextafter(table[column].iloc[-1], np.inf)
        write_table(table, results / f"{name}.parquet")
    first, last = ids(results)
    assert reproduced(results, first[:6]) == ([], [first])
    found, _ = reproduced(results, last[:6])
    assert [text.split(": ")[:2] for text in found] == [
        [last, f"{name}.parquet"] for name in ("runs", "history", "layers")
    ]
    write_table(table.iloc[:-1], results / "layers.parquet")
    assert "rows" in reproduced(results, last)[0][-1]


@pytest.mark.parametrize(("names", "count", "said"), [(["xyz"], 1, "no run"), ([""], 1, "2 runs"), ([], 0, "not 0")])
def test_names_that_are_of_no_run_or_of_several_are_refused(results, names, count, said):
    with pytest.raises(UserError, match=said):
        reproduced(results, *names, count=count)


def test_a_study_of_other_code_is_not_compared(results):
    facts = json.loads((results / "provenance.json").read_text())
    (results / "provenance.json").write_text(json.dumps({**facts, "code_version": ["0123456789ab"]}))
    with pytest.raises(UserError, match="version 0123456789ab"):
        reproduced(results)
