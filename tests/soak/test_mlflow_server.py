"""MLflow's own server: killed in the middle of a sweep, and lost at any request."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthetic import make_record
from whyrelu import tracking
from whyrelu.errors import UserError
from whyrelu.runs.store import RunStore
from whyrelu.tracking import follow, synchronise

pytestmark = pytest.mark.soak


class Server:
    """`mlflow server` on a database in `root`, which outlives it, at the same port each time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(self._port)]
        command += ["--backend-store-uri", f"sqlite:///{self._root}/server.db"]
        environment = os.environ | {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with open(self._root / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._root, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        while not self._answers():
            assert self._process.poll() is None, (self._root / "log").read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)) as connection:
            try:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
            except OSError:
                return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


def record_of(*arguments: Any, **changed: Any) -> dict[str, Any]:
    record = make_record(*arguments, **changed)
    record["config"]["tuning"] = {"first_seed": 1_000_000}
    return record


def shown(uri: str, study: str) -> dict[str, tuple[str | None, dict[str, float], dict[str, str], int]]:
    """Parent, metrics, params and length of history of what MLflow shows, by name; nothing is there twice."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name(f"whyrelu/{study}").experiment_id])
    names = {run.info.run_id: run.info.run_name for run in found}
    assert len(set(names.values())) == len(found)
    return {
        run.info.run_name: (
            names.get(run.data.tags.get("mlflow.parentRunId")),
            run.data.metrics,
            run.data.params,
            len(client.get_metric_history(run.info.run_id, "val_loss")),
        )
        for run in found
    }


def test_a_server_that_is_killed_in_the_middle_of_a_sweep(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracking, "PAUSE", 0.1)
    store = RunStore(tmp_path / "runs" / "killed")
    records = [record_of(activation, study="killed", seed=seed) for activation in ("relu", "tanh") for seed in (0, 1)]
    with follow(server.uri, store, [record["run_id"] for record in records]):
        for record in records[:3]:
            store.write(record)
            time.sleep(2)
        server.kill()
        store.write(records[3])
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Connection refused" in error and "track.py" in error
    server.start()
    synchronise(server.uri, tmp_path / "runs")
    assert synchronise(server.uri, tmp_path / "runs").unchanged == 4
    synchronise(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "runs")
    assert shown(server.uri, "killed") == shown(f"sqlite:///{tmp_path}/mlflow.db", "killed")


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_server_that_is_lost_at_any_request(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    from mlflow import MlflowClient

    changes = ["create_experiment", "set_experiment_tag", "create_run", "log_batch", "set_terminated", "delete_run"]
    originals = {name: getattr(MlflowClient, name) for name in changes}
    left = 0

    def losing(name: str) -> Any:
        def lose(*arguments: Any, **keywords: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and not is_done:
                raise ConnectionResetError("Connection reset by peer")
            answer = originals[name](*arguments, **keywords)
            if left == 0:
                raise ConnectionResetError("Connection reset by peer")
            return answer

        return lose

    for name in changes:
        monkeypatch.setattr(MlflowClient, name, losing(name))
    for request in range(1, 100):
        study = f"lost{request}{is_done}"
        store = RunStore(tmp_path / "runs" / study)
        store.write(record_of(study=study))
        left = request
        try:
            synchronise(server.uri, tmp_path / "runs", [study])
            break
        except UserError as error:
            assert str(error) == f"{server.uri}: ConnectionResetError: Connection reset by peer"
        synchronise(server.uri, tmp_path / "runs", [study])
        parents = {name: run[0] for name, run in shown(server.uri, study).items()}
        assert parents == {"relu depth=02": None, "seed=00 relu depth=02": "relu depth=02"}
        assert synchronise(server.uri, tmp_path / "runs", [study]).unchanged == 1
    # every request of a synchronisation was lost once
    assert request > 10
