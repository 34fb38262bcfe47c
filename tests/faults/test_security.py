"""What others may give a person runs nothing: records, and pages that ask for MLflow.

Checkpoints are in tests/training, archives in tests/data.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whyrelu.errors import UserError
from whyrelu.results.aggregation import finished_records

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_of_somebody_else_brings_no_marks_into_pages():
    for name, value in {"activation": "x](javascript:alert(1))", "data.options.of": ["<b>"]}.items():
        record = {"run_id": "0", "status": "completed", "factors": {"depth": 4, name: value}}
        with pytest.raises(UserError, match=f"^run 0: {name} must not hold"):
            finished_records([record], "")


def status(port, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.soak
def test_mlflow_answers_this_machine_by_its_name_alone(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "mlflow").symlink_to(Path(sys.executable).with_name("mlflow"))
    (venv / "installed").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true"}
    command = ["make", "mlflow", f"MLFLOW_PORT={port}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True, **quiet)
    try:
        for _ in range(240):
            try:
                status(port, f"127.0.0.1:{port}")
                break
            except OSError:
                assert started.poll() is None
                time.sleep(0.5)
        assert status(port, f"127.0.0.1:{port}") == status(port, f"localhost:{port}") == 200
        for host in ("evil.example", f"evil.example:{port}", f"10.0.0.5:{port}", f"127.0.0.1.evil.example:{port}"):
            assert status(port, host) == 403, host
        # another interface of this machine, which is not listened to
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait()
