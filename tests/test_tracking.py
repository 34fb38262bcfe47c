import runpy
import socket
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock, call

import pytest

from mlflow_lab import Lab, record_of
from typed import SOURCE
from whyrelu import tracking
from whyrelu.errors import UserError
from whyrelu.runs.store import RunStore
from whyrelu.tracking import Counts, cell_labels, follow, synchronise

REFUSING = "http://127.0.0.1:9"


def broken(**changed: Any) -> dict[str, Any]:
    return record_of(**changed) | {"status": "failed", "outcome": None, "metrics": {}, "history": {}, "error": "full"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[dict[str, Any]]]:
    """A study with two cells, a tuning run and one that broke down, in MLflow; a new database takes seconds."""
    lab = Lab(tmp_path_factory.mktemp("mlflow"))
    records = [record_of("relu", 4, seed) for seed in (0, 1)]
    records += [record_of("sigmoid", 4, 0), broken(activation="sigmoid", depth=4, seed=1)]
    lab.add(*records, record_of("relu", 4, 1_000_000))
    # what a process leaves that was killed while it made a database
    for left in ("partial", "partial-journal"):
        (lab.runs.parent / f"mlflow.db.{left}").write_bytes(b"half of a database")
    assert synchronise(lab.uri, lab.runs) == Counts(5, 3, 0, {"synthetic": "1", "synthetic-tuning": "2"})
    return lab, records


@pytest.fixture
def lab(filled: tuple[Lab, list[dict[str, Any]]], tmp_path: Path) -> Lab:
    """The same in a database of its own, without the tuning."""
    lab = Lab(tmp_path)
    (tmp_path / "mlflow.db").write_bytes((filled[0].runs.parent / "mlflow.db").read_bytes())
    lab.add(*filled[1])
    return lab


def test_cells_are_named_by_what_tells_them_apart() -> None:
    alike = {"activation": "relu", "depth": 8, "lr": 0.1, "init": "he", "width": 16}
    cells = {"a": alike, "b": alike | {"width": 128, "lr": 0.05}, "c": alike | {"depth": 16, "lr": 0.01}}
    assert cell_labels(cells | {"d": {"activation": "gelu", "depth": 8, "width": 16, "flag": True}}) == {
        "a": "relu depth=08 lr=0.1 init=he width=16",
        "b": "relu depth=08 lr=0.05 init=he width=128",
        "c": "relu depth=16 lr=0.01 init=he width=16",
        "d": "gelu depth=08 width=16 flag=true",
    }
    assert cell_labels({"a": alike, "b": alike | {"width": 128}})["a"] == "relu depth=08 width=16"


def test_every_run_is_a_child_of_its_cell(filled: tuple[Lab, list[dict[str, Any]]]) -> None:
    lab, records = filled
    shown = lab.shown()
    seeds = {f"seed=0{seed} {cell}" for seed in (0, 1) for cell in ("relu depth=04", "sigmoid depth=04")}
    assert set(shown) == seeds | {"relu depth=04", "sigmoid depth=04"}
    run, cell = shown["seed=00 relu depth=04"], shown["relu depth=04"]
    assert run.data.tags["mlflow.parentRunId"] == cell.info.run_id
    assert run.data.tags["run_id"] == records[0]["run_id"] and run.data.tags["cpu"] == "a processor"
    assert run.info.status == "FINISHED" and run.info.end_time - run.info.start_time == 1_500
    assert run.data.params["activation"] == "relu" and run.data.params["seed"] == "0"
    assert run.data.metrics["test_accuracy"] == records[0]["metrics"]["test_accuracy"]
    history = lab.client.get_metric_history(run.info.run_id, "val_accuracy")
    assert [point.step for point in history] == records[0]["history"]["epoch"]
    assert [point.value for point in history] == records[0]["history"]["val_accuracy"]
    accuracy = [record["metrics"]["test_accuracy"] for record in records[:2]]
    expected = {"test_accuracy": statistics.mean(accuracy), "test_accuracy_sd": statistics.stdev(accuracy)}
    assert cell.data.metrics == pytest.approx(expected | {"learned": 1, "n": 2})
    assert shown["seed=01 sigmoid depth=04"].info.status == "FAILED"
    assert shown["seed=01 sigmoid depth=04"].data.tags["error"] == "full"
    metrics = shown["sigmoid depth=04"].data.metrics
    assert (metrics["n"], metrics["learned"]) == (1, 0)
    assert set(lab.shown("synthetic-tuning")) == {"relu depth=04", "seed=1000000 relu depth=04"}


def test_what_is_there_stays_and_what_is_new_is_added(lab: Lab) -> None:
    before = lab.shown()
    assert lab.synchronise() == (0, 0, 4)
    assert {name: run.to_dictionary() for name, run in lab.shown().items()} == {
        name: run.to_dictionary() for name, run in before.items()
    }
    # one that broke down is trained again, and a cell has a further seed
    lab.add(
        record_of("sigmoid", 4, 1),
        record_of("relu", 4, 2, epochs=400) | {"factors": record_of("relu", 4, 2)["factors"]},
    )
    assert lab.synchronise() == (2, 2, 3)
    after = lab.shown()
    assert after["relu depth=04"].info.run_id == before["relu depth=04"].info.run_id
    assert after["relu depth=04"].data.metrics["n"] == 3 and after["sigmoid depth=04"].data.metrics["n"] == 2
    assert after["seed=01 sigmoid depth=04"].info.status == "FINISHED"
    long = after["seed=02 relu depth=04"]
    # more metrics than one call takes
    assert len(lab.client.get_metric_history(long.info.run_id, "train_loss")) == 400


def test_half_written_and_deleted_runs_are_put_right(lab: Lab) -> None:
    shown = lab.shown()
    half = shown["seed=00 relu depth=04"]
    lab.client.delete_tag(half.info.run_id, "digest")
    lab.client.create_run(half.info.experiment_id, run_name="a person's own")
    lab.client.delete_run(shown["sigmoid depth=04"].info.run_id)
    # a further factor begins to vary, which renames all
    lab.add(record_of("relu", 4, 0, norm="batch"))
    assert lab.synchronise() == (4, 2, 1)
    assert lab.synchronise() == (0, 0, 5)
    after = lab.shown()
    assert "a person's own" in after and len(after) == 1 + 3 + 5
    for name, run in after.items():
        if run.data.tags.get("kind") == "run":
            assert run.data.tags["mlflow.parentRunId"] == after[name.partition(" ")[2]].info.run_id
    lab.client.delete_experiment(half.info.experiment_id)
    with pytest.raises(UserError, match="deleted"):
        lab.synchronise()


def test_two_at_once_write_every_run_once(lab: Lab) -> None:
    lab.add(*(record_of("tanh", 2, seed) for seed in (0, 1)))
    written: list[tuple[int, int, int]] = []
    threads = [threading.Thread(target=lambda: written.append(lab.synchronise())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [(0, 0, 6), (2, 1, 4)]
    assert len(lab.shown()) == 9


def test_addresses_without_mlflow_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Lab(tmp_path).add(record_of())
    (tmp_path / "text.db").write_text("not a database " * 100)
    monkeypatch.setattr(tracking.sqlite3, "connect", partial(sqlite3.connect, timeout=0.1))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        closing(sqlite3.connect(tmp_path / "locked.db", isolation_level=None)) as locked,
        socket.create_server(("127.0.0.1", 0)) as silent,
        ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server,
    ):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        locked.execute("BEGIN EXCLUSIVE")
        reasons = {
            REFUSING: "Connection refused",
            f"http://127.0.0.1:{silent.getsockname()[1]}": "timed out",
            f"http://me:secret@127.0.0.1:{server.server_port}": "error code 404",
            f"sqlite:///{tmp_path}/text.db": "file is not a database",
            f"sqlite:///{tmp_path}/locked.db": "database is locked",
            "nope://x": "unsupported URI",
        }
        for uri, why in reasons.items():
            with pytest.raises(UserError) as refused:
                synchronise(uri, tmp_path / "runs")
            said = str(refused.value)
            assert said.startswith(f"{uri.replace('me:secret', '***')}: ") and why in said
            assert "\n" not in said and "secret" not in said
        server.shutdown()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stands in for `synchronise`."""
    monkeypatch.setattr(tracking, "PAUSE", 0.01)
    monkeypatch.setattr(tracking, "synchronise", Mock())
    return tracking.synchronise


def wait_until(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.01)


def test_runs_are_sent_as_they_finish_and_the_rest_at_the_end(tmp_path: Path, sent: Mock) -> None:
    lab = Lab(tmp_path)
    store, records = RunStore(lab.runs / "synthetic"), [record_of(), broken(seed=1)]
    run_ids = [record["run_id"] for record in records]
    with follow(None, store, run_ids), follow(lab.uri, store, []):
        pass
    assert not sent.called
    with follow(lab.uri, store, run_ids):
        lab.add(records[0])
        wait_until(lambda: sent.called)
        lab.add(records[1])
    assert sent.call_args_list == [call(lab.uri, lab.runs, ["synthetic"])] * 2


def test_a_server_that_is_away_is_said_once(tmp_path: Path, sent: Mock, capsys: pytest.CaptureFixture[str]) -> None:
    lab = Lab(tmp_path)
    sent.side_effect = UserError(f"{REFUSING}: no answer")
    with follow(REFUSING, RunStore(lab.runs / "synthetic"), lab.add(record_of())):
        wait_until(lambda: sent.called)
    command = f"python src/track.py mlflow.tracking_uri={REFUSING} run_root={lab.runs}"
    said = f"MLflow: {REFUSING}: no answer; `{command}` completes the view later\n"
    assert capsys.readouterr().err == said and sent.call_count == 2


def test_who_interrupts_does_not_wait(tmp_path: Path, sent: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path)
    monkeypatch.setattr(tracking, "PAUSE", 60.0)
    with pytest.raises(KeyboardInterrupt), follow(REFUSING, RunStore(lab.runs / "synthetic"), lab.add(record_of())):
        raise KeyboardInterrupt
    assert not sent.called


def test_the_command_says_what_it_did_and_where_to_look(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["track.py", f"mlflow.tracking_uri={lab.uri}", f"run_root={lab.runs}"])
    runpy.run_path(str(SOURCE / "track.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert out.startswith("written: 0 runs, 0 cells; there already: 4 runs\n")
    assert f"mlflow ui --backend-store-uri {lab.uri} --port 5000\n" in out
    assert "http://127.0.0.1:5000/#/experiments/1/runs?" in out
    monkeypatch.setattr(sys, "argv", ["track.py", "mlflow.tracking_uri=null"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(SOURCE / "track.py"), run_name="__main__")
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("error: mlflow.tracking_uri is null")
