import json
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_layers import inspected, theory_table, write_tables
from whyrelu.errors import DataError, UserError
from whyrelu.results.aggregation import aggregate, finished_records, headline_metrics
from whyrelu.results.cells import cells_table
from whyrelu.results.files import write_table
from whyrelu.results.tables import build_tables

SCRIPT = str(Path(__file__).resolve().parents[2] / "src" / "aggregate.py")
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


def test_records_are_gone_through_once(tmp_path):
    records = make_records()
    write_table(theory_table([record["factors"] for record in records]), tmp_path / "study" / "theory.parquet")
    aggregate(iter(records), nothing, [], tmp_path / "study")
    assert len(pd.read_parquet(tmp_path / "study" / "runs.parquet")) == 18


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


def test_metrics_without_a_sigmoid_have_no_difference():
    assert "difference" not in metrics_of(make_records(["relu", "tanh"]))


def test_an_activation_that_never_learns_is_deepest_at_zero():
    assert metrics_of(make_records(["sigmoid"], depths=[4, 8]))["deepest_learned"] == {"sigmoid": 0}


def test_metrics_of_several_facets_are_kept_apart():
    metrics = metrics_of(make_records(["relu", "sigmoid"], depths=[4], axes={"norm": ["none", "batch"]}))
    assert metrics["norm=none"]["failures"] == {"relu": 0, "sigmoid": 3}
    assert metrics["norm=batch"]["failures"] == {"relu": 0, "sigmoid": 0}


def test_difference_is_only_where_both_were_run():
    records = [make_record("relu", 2), make_record("relu", 8), make_record("sigmoid", 2)]
    assert list(metrics_of(records)["difference"]["relu - sigmoid"]) == ["depth 2"]


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


def test_damaged_diagnostics_are_named_and_nothing_is_written(tmp_path):
    records = [inspected(record)[0] for record in make_records(["relu"], depths=[2], seeds=2)]
    theory = tmp_path / "study" / "theory.parquet"
    write_table(theory_table([record["factors"] for record in records]), theory)

    def damaged(record):
        raise DataError(f"{record['run_id']} is damaged")

    with pytest.raises(DataError, match=f"{records[0]['run_id']} is damaged"):
        aggregate(records, damaged, [], tmp_path / "study")
    assert list((tmp_path / "study").iterdir()) == [theory]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with prepared digits to run the script in."""
    from whyrelu.config.composition import compose

    from whyrelu.data.prepare import prepare

    monkeypatch.chdir(tmp_path)
    prepare(compose([])["data"], tmp_path / "data")
    return tmp_path


def run_script(monkeypatch, *arguments, script=SCRIPT, multirun=False):
    monkeypatch.setattr(sys, "argv", [script, *["-m"] * multirun, *arguments])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    runpy.run_path(script, run_name="__main__")


def test_without_a_prediction_the_command_that_makes_it_is_named(tmp_path):
    with pytest.raises(UserError, match=r"theory.parquet .*: python src/theory.py -m seed=0,1 writes it"):
        aggregate([make_record()], nothing, ["seed=0,1"], tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_the_script_makes_tables_of_exactly_the_planned_runs(project, monkeypatch, capsys):
    from whyrelu.runs.identity import factors
    from whyrelu.runs.plan import plan
    from whyrelu.runs.store import RunStore

    store = RunStore(project / "runs")
    for run in plan(["experiment=digits", "activation=relu,sigmoid", "depth=2,4", "seed=0,1,2", "lr=0.05"]):
        config = run.config
        record, layers = inspected(
            make_record(config["activation"]["name"], config["depth"], config["seed"], study=config["study"])
        )
        store.write({**record, "run_id": run.run_id, "factors": factors(config)}, layers)
    arguments = ["experiment=digits", "activation=relu,sigmoid", "depth=2,4", "seed=0,1", "lr=0.05"]
    run_script(monkeypatch, *arguments, script=SCRIPT.replace("aggregate", "theory"), multirun=True)
    run_script(monkeypatch, *arguments)
    assert {path.name for path in (project / "results" / "digits").iterdir()} == FILES
    profiles = pd.read_parquet(project / "results" / "digits" / "profiles.parquet")
    at_init = profiles[profiles["epoch"] == 0]
    assert at_init["predicted_q"].notna().all()
    assert (at_init["n"] == 2).all()
    runs = pd.read_parquet(project / "results" / "digits" / "runs.parquet")
    assert list(runs["run_id"]) == [run.run_id for run in plan(arguments)]
    assert "8 runs" in capsys.readouterr().out
    metrics = json.loads((project / "results" / "digits" / "metrics.json").read_text())
    claims = json.loads((project / "results" / "digits" / "claims.json").read_text())
    assert metrics["claims"]["C17"] == {key: claims[16][key] for key in ("verdict", "effect")}
    # what is asked, and what is to be known of the images, changes no run and comes with them to the report
    provenance = json.loads((project / "results" / "digits" / "provenance.json").read_text())
    assert provenance["question"].endswith("?")
    assert (provenance["given_lr"], provenance["varied"]) == (["0.05"], [])
    run_script(monkeypatch, *arguments, "data.note='scanned by hand, and cut'", "question='Does it, at all?'")
    provenance = json.loads((project / "results" / "digits" / "provenance.json").read_text())
    assert [data["note"] for data in provenance["data"]] == ["scanned by hand, and cut"]
    assert provenance["question"] == "Does it, at all?"


def test_the_script_says_what_is_missing(project, monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        run_script(monkeypatch, "activation=relu,tanh", "seed=range(0,2)")
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert "of 4 planned runs 4 missing" in error
    assert "python src/train.py -m activation=relu,tanh 'seed=range(0,2)'" in error
    assert not (project / "results").exists()
