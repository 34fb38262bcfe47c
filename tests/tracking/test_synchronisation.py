import json
import time
from pathlib import Path
from typing import Any

import pytest

from synthetic import make_record, make_records
from tracking_lab import Lab, broken, write_all
from whyrelu.errors import UserError
from whyrelu.results.cells import cells_table
from whyrelu.results.tables import build_tables
from whyrelu.tracking.client import quiet_mlflow
from whyrelu.tracking.synchronisation import Counts, Synchroniser, synchronise
from whyrelu.tracking.view import StudyView

pytest_plugins = ["tracking_fixtures"]
# importing MLflow alone takes seconds
pytestmark = pytest.mark.slow


def test_a_database_is_made_whole_or_not_at_all(empty_database: Path) -> None:
    assert {path.name for path in empty_database.parent.iterdir()} == {"mlflow.db", "mlflow.db.lock"}


def test_every_run_is_a_child_of_its_cell(lab: Lab) -> None:
    records = make_records(["relu", "sigmoid"], [4], seeds=2, epochs=3)
    lab.add(*records)
    (lab.runs / records[0]["run_id"] / "layers.parquet").write_bytes(b"diagnostics")
    assert lab.synchronise() == (4, 2, 0)
    cells, runs = lab.all("cell"), lab.all("run")
    assert set(cells) == {"relu depth=04", "sigmoid depth=04"}
    assert cells["sigmoid depth=04"].data.metrics["failures"] == 2
    run = runs["seed=00 relu depth=04"]
    assert run.data.tags["mlflow.parentRunId"] == cells["relu depth=04"].info.run_id
    assert run.info.status == "FINISHED" and run.info.end_time - run.info.start_time == 1_500
    assert run.data.params["activation"] == "relu" and run.data.params["seed"] == "0"
    history = lab.client.get_metric_history(run.info.run_id, "val_accuracy")
    assert [point.step for point in history] == [1, 2, 3]
    assert [point.value for point in history] == records[0]["history"]["val_accuracy"]
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "layers.parquet", "run.json"]
    kept = json.loads((folder / "run.json").read_text())
    assert {name: value for name, value in kept.items() if name != "checksum"} == records[0]
    figure = Path(cells["relu depth=04"].info.artifact_uri.removeprefix("file://")) / "figures/validation_accuracy.png"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_doing_it_twice_changes_nothing(lab: Lab) -> None:
    lab.add(*make_records(["relu"], [2, 4], seeds=2))
    assert lab.synchronise() == (4, 2, 0)
    before = {kind: {n: run.to_dictionary() for n, run in lab.all(kind).items()} for kind in ("cell", "run")}
    assert lab.synchronise() == (0, 0, 4)
    assert {kind: {n: run.to_dictionary() for n, run in lab.all(kind).items()} for kind in ("cell", "run")} == before


def test_a_cell_that_gains_seeds_is_brought_up_to_date(lab: Lab) -> None:
    records = make_records(["relu", "tanh"], [2], seeds=3)
    lab.add(records[0], *records[3:])
    lab.synchronise()
    before = lab.all("cell")
    assert before["relu depth=02"].data.metrics["n"] == 1
    lab.add(*records)
    assert lab.synchronise() == (2, 1, 4)
    after = lab.all("cell")
    assert after["relu depth=02"].info.run_id == before["relu depth=02"].info.run_id
    metrics = after["relu depth=02"].data.metrics
    assert metrics["n"] == 3
    assert metrics["test_accuracy"] == cells_table(build_tables(records[:3]).runs)["mean"].iloc[0]
    assert after["tanh depth=02"].to_dictionary() == before["tanh depth=02"].to_dictionary()


def test_a_run_that_broke_down_is_replaced_when_it_succeeds(lab: Lab) -> None:
    lab.add(make_record(seed=0), broken(seed=1))
    assert lab.synchronise() == (2, 1, 0)
    assert lab.all("run")["seed=01 relu depth=02"].info.status == "FAILED"
    assert lab.all("cell")["relu depth=02"].data.metrics["errors"] == 1
    lab.add(make_record(seed=1))
    assert lab.synchronise() == (1, 1, 1)
    runs, cell = lab.all("run"), lab.all("cell")["relu depth=02"]
    assert runs["seed=01 relu depth=02"].info.status == "FINISHED"
    assert "errors" not in cell.data.metrics and cell.data.metrics["n"] == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {cell.info.run_id}


def test_what_is_gone_or_half_written_is_written_again(lab: Lab) -> None:
    lab.add(*make_records(["relu"], [2], seeds=3))
    lab.synchronise()
    runs, cells = lab.all("run"), lab.all("cell")
    with quiet_mlflow():
        lab.client.delete_run(cells["relu depth=02"].info.run_id)
        lab.client.delete_run(runs["seed=00 relu depth=02"].info.run_id)
        # as a process leaves it that dies while it writes
        half = runs["seed=01 relu depth=02"].info
        lab.client.delete_tag(half.run_id, "digest")
        lab.client.create_run(half.experiment_id, tags=runs["seed=02 relu depth=02"].data.tags | {"digest": ""})
    assert lab.synchronise() == (2, 1, 1)
    assert lab.synchronise() == (0, 0, 3)
    runs, cells = lab.all("run"), lab.all("cell")
    assert len(runs) == 3
    parents = {run.data.tags["mlflow.parentRunId"] for run in runs.values()}
    assert parents == {cells["relu depth=02"].info.run_id}


def test_a_deleted_experiment_comes_back(lab: Lab) -> None:
    lab.add(make_record())
    lab.synchronise()
    with quiet_mlflow():
        lab.client.delete_experiment(lab.client.get_experiment_by_name("whyrelu/synthetic").experiment_id)
    lab.synchronise()
    assert len(lab.all("run")) == 1


def test_names_follow_when_a_further_factor_begins_to_vary(lab: Lab) -> None:
    lab.add(make_record(norm="none"))
    lab.synchronise()
    added = lab.add(make_record(norm="batch"))
    # the other cell is not asked for, and gets its new name all the same
    Synchroniser(lab.uri, lab.runs).synchronise(run_ids=added)
    assert set(lab.all("cell")) == {"relu depth=02 norm=none", "relu depth=02 norm=batch"}
    assert set(lab.all("run")) == {"seed=00 relu depth=02 norm=none", "seed=00 relu depth=02 norm=batch"}


def test_long_histories_are_logged_whole(lab: Lab) -> None:
    lab.add(make_record(epochs=600))
    lab.synchronise()
    (run,) = lab.all("run").values()
    assert len(lab.client.get_metric_history(run.info.run_id, "train_loss")) == 600


def test_what_mlflow_refuses_keeps_nothing_else_out(lab: Lab) -> None:
    lab.add(make_record("relu"), make_record("sigmoid", **{"no#name": 1}), make_record("tanh"))
    with pytest.raises(UserError, match="refused 1 runs"):
        lab.synchronise()
    taken = [run.data.params["activation"] for run in lab.all("run").values() if "digest" in run.data.tags]
    assert sorted(taken) == ["relu", "tanh"]


def test_only_the_study_that_is_asked_for_is_written(lab: Lab) -> None:
    lab.add(make_record(), make_record(study="another"))
    assert synchronise(lab.uri, lab.runs, "another") == Counts(studies=1, runs=1, cells=1)
    assert lab.client.get_experiment_by_name("whyrelu/synthetic") is None
    with pytest.raises(UserError, match="no finished run of study nothing"):
        synchronise(lab.uri, lab.runs, "nothing")


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("refusing", "connection refused"),
        ("silent", "no answer"),
        ("dropping", "the connection was lost"),
        ("other", ".*404.*"),
    ],
)
def test_a_server_that_does_not_serve_is_one_line(
    server: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    uri = request.getfixturevalue(f"{server}_server")
    write_all(tmp_path, [make_record()])
    begin = time.monotonic()
    with pytest.raises(UserError, match=f"^{uri}: {why}$"):
        synchronise(uri, tmp_path)
    assert time.monotonic() - begin < 5


def test_a_server_that_dies_in_the_middle_is_taken_up_where_it_died(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = lab.add(*make_records(["relu", "sigmoid", "tanh"], [2], seeds=2))
    write_batch = StudyView._write_batch
    calls: list[str] = []

    def dying(self: StudyView, *arguments: Any) -> None:
        calls.append("")
        # three calls make the first cell; the fifth run is half written
        if len(calls) == 5:
            raise ConnectionResetError("Connection reset by peer")
        write_batch(self, *arguments)

    monkeypatch.setattr(StudyView, "_write_batch", dying)
    synchroniser = Synchroniser(lab.uri, lab.runs)
    with pytest.raises(UserError, match="the connection was lost"):
        synchroniser.synchronise()
    assert synchroniser.complete == set(runs[:2])
    assert synchroniser.synchronise() == Counts(studies=1, runs=3, cells=2, unchanged=3)
    assert synchroniser.complete == set(runs)
    assert len(lab.all("run")) == 6 and len(lab.all("cell")) == 3


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / "runs", [make_record()])
    content = "not a database " * 100
    (tmp_path / "mlflow.db").write_text(content)
    assert synchronise(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "runs").runs == 1
    assert "is damaged: moved aside to mlflow.db.damaged-1" in capsys.readouterr().err
    assert (tmp_path / "mlflow.db.damaged-1").read_text() == content
