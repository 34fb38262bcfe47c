"""MLflow that is away, slow, refuses or is not MLflow: training does not notice, and track.py completes the view."""

import json
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from faults_study import GRID, records, refusal, script, sweep
from mlflow_servers import Between, MlflowServer, send, serving
from synthetic import make_records
from tracking_lab import write_all
from typed import python
from whyrelu.errors import UserError
from whyrelu.tracking.client import connect, quiet_mlflow, without_password
from whyrelu.tracking.synchronisation import Counts, synchronise

pytestmark = pytest.mark.slow
# what one view has and another of the same runs has not: MLflow's own ids, and who wrote it when
OWN = ("mlflow.parentRunId", "mlflow.user", "mlflow.source", "mlflow.runName", "mlflow.artifact")
TRACKED = GRID[:-1]


def view(uri: str, study: str = "%", histories: bool = True) -> dict[str, Any]:
    """All that MLflow shows, by the names of studies, cells and runs; fails if a name is there twice."""
    shown: dict[str, Any] = {}
    with quiet_mlflow():
        client = connect(uri)
        for experiment in client.search_experiments(filter_string=f"name LIKE 'whyrelu/{study}'"):
            runs = {run.info.run_id: run for run in client.search_runs([experiment.experiment_id])}
            for run in runs.values():
                name = experiment.name, run.info.run_name
                assert name not in shown
                parent = run.data.tags.get("mlflow.parentRunId")
                keys = run.data.metrics if histories else ()
                history = {key: client.get_metric_history(run.info.run_id, key) for key in keys}
                shown[name] = {
                    "status": run.info.status,
                    "parent": runs[parent].info.run_name if parent else None,
                    "params": run.data.params,
                    "tags": {key: value for key, value in run.data.tags.items() if not key.startswith(OWN)},
                    "metrics": run.data.metrics,
                    "history": {key: sorted({(p.step, p.value) for p in points}) for key, points in history.items()},
                    "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
                }
    return shown


def raw(uri: str) -> dict[str, Any]:
    """All that MLflow keeps, with its ids and times."""
    with quiet_mlflow():
        client = connect(uri)
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        return {run.info.run_id: run.to_dictionary() for run in client.search_runs(ids)}


def found() -> dict[str, Any]:
    """The records of all runs, but for the address of MLflow."""
    kept = records()
    for record in kept.values():
        del record["config"]["mlflow"]
    return kept


@pytest.fixture
def expected(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the runs of the study find without MLflow; the working directory is a new one."""
    monkeypatch.chdir(undisturbed[0])
    kept = found()
    monkeypatch.chdir(tmp_path)
    return kept


def completes(uri: str, runs: int, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Have track.py complete the view, and prove that a second time changes nothing; return what is shown."""
    script("track.py", f"mlflow.tracking_uri={uri}")
    before = raw(uri)
    capsys.readouterr()
    script("track.py", f"mlflow.tracking_uri={uri}")
    assert capsys.readouterr().out.startswith(f"nothing to do: all {runs} runs are there\n")
    assert raw(uri) == before
    shown = view(uri)
    assert len([run for run in shown.values() if run["parent"]]) == runs
    return shown


@contextmanager
def holding() -> Iterator[tuple[str, threading.Event]]:
    """A server that keeps its answers back until the event is set, and then is not MLflow."""
    release = threading.Event()

    def answer(request: Any) -> None:
        release.wait(300)
        send(request, 200, b"late")

    with serving(answer) as address:
        try:
            yield address, release
        finally:
            release.set()


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


def test_a_sweep_ends_while_the_server_keeps_its_answers_back(
    expected: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with holding() as (address, release):
        sweep([*TRACKED, f"mlflow.tracking_uri={address}"])
        assert found() == expected
        (line,) = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
        assert line == (
            f"MLflow: 2 of 2 runs are not logged ({address}: no answer); "
            f"`python src/track.py mlflow.tracking_uri={address}` does it later"
        )
        # the server is away still
        assert refusal(capfd, "track.py", f"mlflow.tracking_uri={address}") == f"error: {address}: no answer"
        assert not release.is_set()
    assert found() == expected
    completes(f"sqlite:///{tmp_path}/mlflow.db", 2, capfd)


@contextmanager
def refusing() -> Iterator[str]:
    """A server that is up and wants everybody to come again in an hour."""
    with serving(lambda request: send(request, 503, b"", Retry_After="3600")) as address:
        yield address


@pytest.mark.parametrize(
    ("server", "why"),
    [(lambda: nullcontext("http://127.0.0.1:9"), "connection refused"), (refusing, "it answers with error 503")],
    ids=["down at the start", "refusing"],
)
def test_a_sweep_does_not_need_the_server(
    server: Any, why: str, expected: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with server() as address:
        sweep([*TRACKED, f"mlflow.tracking_uri={address}"])
        (line,) = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
    assert line.startswith(f"MLflow: 2 of 2 runs are not logged ({address}: {why}")
    assert found() == expected
    completes(f"sqlite:///{tmp_path}/mlflow.db", 2, capfd)


def test_a_sweep_ends_while_another_program_keeps_the_database_locked(
    expected: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with quiet_mlflow():
        connect(uri)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        sweep([*TRACKED, f"mlflow.tracking_uri={uri}"])
        assert found() == expected
        (line,) = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
        assert line.startswith("MLflow: 2 of 2 runs are not logged (") and "is locked by another program" in line
        assert "`python src/track.py mlflow.tracking_uri=" in line
        locked = refusal(capfd, "track.py", f"mlflow.tracking_uri={uri}")
        assert locked == f"error: {uri}: the database is locked by another program"
        assert other.in_transaction
    completes(uri, 2, capfd)


def test_a_server_that_is_killed_in_the_middle_of_a_sweep(
    expected: Any, mlflow_server: MlflowServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The real server, killed when the first run is complete, and started again after the sweep."""
    between = Between(mlflow_server.port)
    batches: list[int] = []

    def kill_after_the_first_cell(number: int) -> bool:
        # each run and each cell is complete with a call of its own: the third is of the second run
        if mlflow_server.is_running and len(batches) >= 3:
            mlflow_server.kill()
        return mlflow_server.is_running

    between.before = kill_after_the_first_cell
    between.seen = lambda path: batches.append(1) if path.endswith("runs/log-batch") else None
    with serving(between) as address:
        done = python(tmp_path, "train.py", "-m", *TRACKED, f"mlflow.tracking_uri={address}")
        assert not mlflow_server.is_running
        assert done.returncode == 0
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"MLflow: 1 of 2 runs are not logged ({address}: ")
        assert line.endswith(f"`python src/track.py mlflow.tracking_uri={address}` does it later")
        assert found() == expected
        refusal(capfd, "track.py", f"mlflow.tracking_uri={address}")
        mlflow_server.start()
        between.heal()
        assert len([run for run in raw(address).values() if "digest" in run["data"]["tags"]]) == 2
        shown = completes(address, 2, capfd)
    assert shown == completes(f"sqlite:///{tmp_path}/mlflow.db", 2, capfd)


def lose_requests(between: Between, number: int) -> None:
    """The server is gone from a request on."""
    between.before = lambda count: count < number


def lose_answers(between: Between, number: int) -> None:
    """The server has done what it was asked to, and is gone before it says so."""
    between.before, between.after = (lambda count: count <= number), (lambda count: count < number)


def lose_one_answer(between: Between, number: int) -> None:
    """One answer is lost, so that what was done is asked for again."""
    between.after = lambda count: count != number


LOSSES = [lose_requests, lose_answers, lose_one_answer]


# each request of a synchronisation is lost in one of the three ways
@pytest.mark.parametrize("lose", LOSSES)
def test_a_server_that_is_lost_at_any_request(
    lose: Any, mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not mlflow_server.is_running:
        mlflow_server.start()
    between = Between(mlflow_server.port)
    with serving(between) as address:

        def study(name: str) -> Path:
            root = tmp_path / name
            record = json.dumps(make_records(["relu"], [2], seeds=1, epochs=1)).replace('"synthetic"', f'"{name}"')
            write_all(root, json.loads(record))
            return root

        def shown(name: str) -> dict[str, Any]:
            runs = {key[1]: run for key, run in view(address, name, histories=False).items()}
            for run in runs.values():
                for kind in ("tags", "params"):
                    run[kind] = {key: value for key, value in run[kind].items() if key not in NAMED}
            return runs

        name = f"whole-{lose.__name__}"
        whole = study(name)
        between.heal()
        synchronise(address, whole)
        requests = between.count
        expected = shown(name)
        assert requests > 8 and len(expected) == 2
        failed = 0
        numbers = range(1 + LOSSES.index(lose), requests + 1, len(LOSSES))
        for number in numbers:
            name = f"{lose.__name__}-{number}"
            root = study(name)
            between.heal()
            lose(between, number)
            try:
                synchronise(address, root)
            except UserError as error:
                failed += 1
                assert str(error).startswith(f"{address}: ")
            between.heal()
            synchronise(address, root)
            assert synchronise(address, root) == Counts(studies=1, unchanged=1)
            assert shown(name) == expected
        assert failed == len(numbers) or lose is lose_one_answer


# what differs from study to study
NAMED = ("study", "run_id", "digest", "cell", "mlflow.note.content")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda request: send(request, 401, b"<html>log in</html>"), "it wants to know who asks (401): set "),
        (lambda request: send(request, 403, b"<html>no</html>"), "it does not let you in (403)"),
        (lambda request: send(request, 404, b"<html>what?</html>"), "it answers with error 404"),
        (lambda request: send(request, 500, b"<html>oh</html>"), "it answers with error 500"),
        (lambda request: send(request, 503, b"", Retry_After="3600"), "it answers with error 503"),
        (lambda request: send(request, 429, b"", Retry_After="3600"), "it answers with error 429"),
        (lambda request: send(request, 200, b"<html>log in</html>"), "what answers there is not MLflow"),
        (lambda request: send(request, 200, b""), "what answers there is not MLflow"),
        (lambda request: send(request, 200, b"{}", "application/json"), "what answers there is not MLflow"),
        (lambda request: send(request, 200, b"[1, 2]", "application/json"), "what answers there is not MLflow"),
        (lambda request: send(request, 200, b"\xff\x00" * 9), "what answers there is not MLflow"),
        (lambda request: request.wfile.write(b"\xff\x00 garbage\r\n\r\n"), "the connection was lost"),
        (lambda request: None, "the connection was lost"),
        (lambda request: send(request, 302, b"", Location=request.path), "Exceeded 30 redirects"),
        (lambda request: send(request, 200, b"", Content_Length="99"), "the connection was lost"),
    ],
)
def test_a_server_that_refuses_or_is_something_else(
    answer: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_all(tmp_path / "runs", make_records(["relu"], [2], seeds=1, epochs=1))
    with serving(answer) as address:
        line = refusal(capfd, "track.py", f"mlflow.tracking_uri={address}")
    assert line.startswith(f"error: {address}: ") and why in line
    assert "<html>" not in line


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://mlflow.invalid:5000", "unknown host"),
        ("http://127.0.0.1:9", "connection refused"),
        ("http://127.0.0.1:99999", ""),
        ("nowhere://mlflow", ""),
        ("sqlite:///runs/a/file/mlflow.db", "cannot write "),
        ("postgresql://me:secret@127.0.0.1:9/mlflow", ""),
        ("mlruns", "MLflow keeps nothing in folders any more"),
    ],
)
def test_an_address_where_nothing_can_be(
    uri: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_all(tmp_path / "runs", make_records(["relu"], [2], seeds=1, epochs=1))
    (tmp_path / "runs/a").mkdir()
    (tmp_path / "runs/a/file").touch()
    line = refusal(capfd, "track.py", f"mlflow.tracking_uri={uri}")
    assert why in line and "secret" not in line
    assert line.startswith(f"error: {without_password(uri)}: ")


def test_a_database_in_a_read_only_folder(mount: Any, tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_all(tmp_path / "runs", make_records(["relu"], [2], seeds=2, epochs=1))
    disk = mount("16m")
    uri = f"sqlite:///{disk}/mlflow.db"
    # not made there, because MLflow would keep it open
    with quiet_mlflow():
        connect(f"sqlite:///{tmp_path}/mlflow.db")
    shutil.copy(tmp_path / "mlflow.db", disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    before = {path.name: path.read_bytes() for path in disk.iterdir() if path.is_file()}
    assert "Read-only file system" in refusal(capfd, "track.py", f"mlflow.tracking_uri={uri}")
    assert {path.name: path.read_bytes() for path in disk.iterdir() if path.is_file()} == before
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    completes(uri, 2, capfd)
