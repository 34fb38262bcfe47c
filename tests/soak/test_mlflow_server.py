"""MLflow's own server: killed in the middle of a sweep; and any request to it lost."""

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

from mlflow_lab import Lab, record_of
from whyrelu import tracking
from whyrelu.errors import UserError
from whyrelu.runs.store import RunStore
from whyrelu.tracking import SETTINGS, follow

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
        environment = os.environ | SETTINGS | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


def test_a_server_that_is_killed_in_the_middle_of_a_sweep(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracking, "PAUSE", 0.1)
    lab, local = Lab(tmp_path, server.uri), Lab(tmp_path)
    records = [record_of(activation, seed=seed) for activation in ("relu", "tanh") for seed in (0, 1)]
    with follow(server.uri, RunStore(lab.runs / "synthetic"), [record["run_id"] for record in records]):
        for record in records[:3]:
            lab.add(record)
            time.sleep(2)
        server.kill()
        lab.add(records[3])
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Connection refused" in error and "track.py" in error
    server.start()
    lab.synchronise()
    assert lab.synchronise() == (0, 0, 4)
    local.synchronise()
    on_server, on_disk = (
        {name: (run.data.metrics, run.data.params) for name, run in each.shown().items()} for each in (lab, local)
    )
    assert on_server == on_disk


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_any_request_that_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_done: bool) -> None:
    from mlflow import MlflowClient

    changes = ["create_experiment", "create_run", "log_batch", "set_terminated"]
    left = 0

    def losing(original: Any) -> Any:
        def lose(*arguments: Any, **keywords: Any) -> Any:
            nonlocal left
            left -= 1
            answer = original(*arguments, **keywords) if left or is_done else None
            if left == 0:
                raise ConnectionResetError("Connection reset by peer")
            return answer

        return lose

    for name in changes:
        monkeypatch.setattr(MlflowClient, name, losing(getattr(MlflowClient, name)))
    for request in range(1, 100):
        lab, study = Lab(tmp_path / str(request), f"sqlite:///{tmp_path}/mlflow.db"), f"lost{request}"
        lab.add(record_of(study=study))
        left = request
        try:
            lab.synchronise()
            break
        except UserError as error:
            assert str(error) == f"{lab.uri}: ConnectionResetError: Connection reset by peer"
        lab.synchronise()
        run, cell = (lab.shown(study)[name] for name in ("seed=00 relu depth=02", "relu depth=02"))
        assert run.data.tags["mlflow.parentRunId"] == cell.info.run_id
        assert len(lab.shown(study)) == 2 and lab.synchronise() == (0, 0, 1)
    # every request of a synchronisation was lost once
    assert request > 8
