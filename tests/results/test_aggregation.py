"""All tables of a study, and what its runs have in common."""

import json

import pytest

from synthetic import make_layers, make_record, make_records, make_theory, write_records, write_study
from whyrelu.errors import UserError
from whyrelu.results.aggregation import finished_records, hours, metrics, write_tables
from whyrelu.results.cells import cells_table
from whyrelu.results.files import write_table
from whyrelu.results.study import Study
from whyrelu.results.tables import runs_table

WRITTEN = {f"{name}.parquet" for name in ("runs", "history", "layers", "profiles", "cells", "theory", "tuning")}
WRITTEN |= {"curves.csv", "lr.csv", "metrics.json", "provenance.json", "timing.json"}


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_same_runs_give_the_same_bytes(tmp_path):
    write_study(tmp_path / "one", seeds=9, depths=[4, 8])
    again = make_records(seeds=9, depths=[4, 8], epochs=8, study="digits", axes={"init": ["xavier", "edge"]})
    for record in again:
        # what may differ between two runs of the same thing
        record["provenance"] |= {"started": "2030-01-01T00:00:00Z", "seconds": 99.0, "git_commit": "abc"}
        record["metrics"] |= {"train_seconds": 5.0, "samples_per_second": 1.0}
    write_records(tmp_path / "two" / "digits", again)
    assert set(contents(tmp_path / "one" / "digits")) == WRITTEN
    assert contents(tmp_path / "one" / "digits") == contents(tmp_path / "two" / "digits")


def test_hours_are_of_processors():
    records = [{"provenance": {"seconds": 1800.0, "threads": threads}} for threads in (1, 2)]
    assert (hours(records), hours([])) == (1.5, 0)


def test_metrics_are_a_handful_of_numbers():
    records = make_records(["relu", "sigmoid"], depths=[4, 8], seeds=2, axes={"init": ["xavier", "edge"]})
    cells = cells_table(runs_table(records))
    arms = ["relu, xavier", "relu, edge", "sigmoid, xavier", "sigmoid, edge"]
    assert metrics(cells) == {
        "n": 16,
        "learned": dict(zip(arms, [4, 4, 2, 4], strict=True)),
        "deepest": dict(zip(arms, [8, 8, 4, 8], strict=True)),
        "accuracy": {name: round(mean, 4) for name, mean in zip(cells["name"], cells["mean"], strict=True)},
    }
    one = metrics(cells_table(runs_table([make_record(outcome="chance")])))
    assert (one["learned"], one["deepest"]) == ({"relu": 0}, {"relu": 0})


def test_provenance_is_what_the_runs_have_in_common(tmp_path):
    records = make_records(["relu", "leaky_relu"], seeds=3, axes={"norm": ["none", "batch"]})
    records[0]["provenance"]["cpu"] = "another processor"
    write_records(tmp_path / "synthetic", records)
    found = json.loads((tmp_path / "synthetic" / "provenance.json").read_text())
    assert (found["study"], found["runs"], found["seeds"]) == ("synthetic", 24, [0, 1, 2])
    assert found["common"]["lr"] == 0.05
    assert not {"norm", "seed", "activation", "activation.negative_slope", "study"} & set(found["common"])
    assert found["cpu"] == ["another processor", "a processor"]
    assert found["libraries"] == {"numpy": ["2.0"], "torch": ["2.0"]}
    assert [data["classes"] for data in found["data"]] == [10]


def test_missing_and_failed_runs_are_counted():
    failed = {**make_record(seed=1), "status": "failed"}
    with pytest.raises(UserError, match=r"of 4 planned runs 2 missing and 1 failed; .*: python src/train.py$"):
        finished_records([make_record(), None, failed, None], "python src/train.py")


def test_nothing_is_written_of_what_cannot_be_used(tmp_path):
    records, study = make_records(), Study(tmp_path)
    with pytest.raises(UserError, match=r"theory.parquet is missing: python src/theory.py"):
        write_tables(records, make_layers, {}, study)
    write_table(make_theory(records), tmp_path / "theory.parquet")

    def damaged(record):
        raise UserError("damaged")

    with pytest.raises(UserError, match="damaged"):
        write_tables(records, damaged, {}, study)
    assert set(contents(tmp_path)) == {"theory.parquet"}
