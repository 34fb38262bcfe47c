import json

import pytest

from synthetic import make_record, make_records
from synthetic_layers import write_tables
from whyrelu.errors import UserError
from whyrelu.results.aggregation import aggregate, finished_records, headline_metrics
from whyrelu.results.cells import cells_table
from whyrelu.results.tables import build_tables

FILES = {
    *(f"{name}.parquet" for name in ("runs", "history", "cells", "layers", "spectra", "profiles")),
    *(f"{name}.parquet" for name in ("theory", "functions")),
    *(f"{name}.parquet" for name in ("convergence", "run_convergence", "contrasts", "shares")),
    *("curves.csv", "metrics.json", "provenance.json", "claims.json"),
}


def metrics_of(records):
    return headline_metrics(cells_table(build_tables(records).runs))


def nothing(record):
    """Diagnostics of runs that were not looked into."""


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_same_runs_give_the_same_bytes(tmp_path):
    write_tables(make_records(seeds=9), tmp_path / "one", overrides=["a=1"])
    again = make_records(seeds=9)
    for record in again:
        # what may differ between two runs of the same thing
        record["provenance"] |= {"started": "2030-01-01T00:00:00Z", "seconds": 99.0, "attempts": [0, 3]}
        record["provenance"] |= {"git_commit": "abc", "git_dirty": True}
        record["metrics"] |= {"train_seconds": 5.0, "samples_per_second": 1.0}
    write_tables(again, tmp_path / "two", overrides=["a=1"])
    assert set(contents(tmp_path / "one")) == FILES
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_metrics_of_a_grid():
    records = make_records(["relu", "sigmoid"], depths=[2, 4], seeds=2)
    mean = {
        (name, depth): sum(r["metrics"]["test_accuracy"] for r in records if _is(r, name, depth)) / 2
        for name in ("relu", "sigmoid")
        for depth in (2, 4)
    }
    assert metrics_of(records) == {
        "n": 8,
        "failed": 2,
        "failures": {"relu": 0, "sigmoid": 2},
        "test_accuracy": {
            "relu": pytest.approx((mean["relu", 2] + mean["relu", 4]) / 2, abs=1e-4),
            "sigmoid": pytest.approx((mean["sigmoid", 2] + 0.1) / 2, abs=1e-4),
        },
        "deepest_learned": {"relu": 4, "sigmoid": 2},
        "difference": {
            "relu - sigmoid": {
                "depth 2": pytest.approx(mean["relu", 2] - mean["sigmoid", 2], abs=1e-4),
                "depth 4": pytest.approx(mean["relu", 4] - 0.1, abs=1e-4),
            }
        },
    }


def _is(record, activation, depth):
    return (record["factors"]["activation"], record["factors"]["depth"]) == (activation, depth)


def test_metrics_of_several_facets_are_kept_apart():
    metrics = metrics_of(make_records(["relu", "sigmoid"], depths=[4], axes={"norm": ["none", "batch"]}))
    assert metrics["norm=none"]["failures"] == {"relu": 0, "sigmoid": 3}
    assert metrics["norm=batch"]["failures"] == {"relu": 0, "sigmoid": 0}


def test_provenance_is_what_the_runs_have_in_common(tmp_path):
    records = make_records(["relu", "leaky_relu"], seeds=3, axes={"norm": ["none", "batch"]})
    records[0]["provenance"]["cpu"] = "another processor"
    write_tables(records, tmp_path, overrides=["depth=2,4", "seed=range(0,3)"])
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["study"] == "synthetic"
    assert provenance["overrides"] == ["depth=2,4", "seed=range(0,3)"]
    assert provenance["seeds"] == [0, 1, 2]
    assert provenance["common"]["lr"] == 0.05
    assert not {"norm", "seed", "activation"} & set(provenance["common"])
    assert provenance["implied"] == {"activation.negative_slope": {"leaky_relu": 0.01}}
    assert provenance["cpu"] == ["another processor", "a processor"]
    assert provenance["libraries"]["torch"] == ["2.14.1"]
    assert [data["classes"] for data in provenance["data"]] == [10]
    text = (tmp_path / "provenance.json").read_text()
    assert not any(word in text for word in ("started", "seconds", "git_", "attempts"))


def test_several_studies_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="several studies"):
        aggregate([make_record(), make_record(study="other")], nothing, [], tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_missing_and_failed_runs_are_counted_and_nothing_is_written(tmp_path):
    failed = {**make_record(seed=1), "status": "failed"}
    command = "python src/train.py -m seed=0,1,2,3"
    records = finished_records([make_record(), None, failed, None], command)
    with pytest.raises(UserError, match=r"of 4 planned runs 2 missing and 1 failed; .*: python src/train.py -m seed"):
        aggregate(records, nothing, [], tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_without_a_prediction_the_command_that_makes_it_is_named(tmp_path):
    with pytest.raises(UserError, match=r"theory.parquet .*: python src/theory.py -m seed=0,1 writes it"):
        aggregate([make_record()], nothing, ["seed=0,1"], tmp_path / "study")
    assert not (tmp_path / "study").exists()
