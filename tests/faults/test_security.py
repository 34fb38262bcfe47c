"""What others may give a person runs nothing: checkpoints, records, the lock, MLflow's pages; archives: tests/data."""

import http.client
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from whyrelu.errors import UserError
from whyrelu.results.aggregation import finished_records
from whyrelu.training.checkpoint import usable

ROOT = Path(__file__).resolve().parents[2]


class Attack:
    """A pickle that makes a marker file when it is read."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


def test_a_checkpoint_runs_nothing_and_its_run_begins_anew(tmp_path):
    marker = tmp_path / "owned"
    # the attack works where pickles are trusted
    pickle.loads(pickle.dumps(Attack(marker)))
    marker.unlink()
    path = tmp_path / "checkpoint.ckpt"
    for content in ({"state_dict": Attack(marker)}, Attack(marker)):
        torch.save(content, path)
        assert not usable(path)
        assert not path.exists()
    path.write_bytes(pickle.dumps(Attack(marker)))
    assert not usable(path)
    assert not marker.exists()


def test_a_run_of_somebody_else_brings_no_marks_into_pages():
    for name, value in {"activation": "x](javascript:alert(1))", "data.options.of": ["<b>"]}.items():
        record = {"run_id": "0", "status": "completed", "factors": {"depth": 4, name: value}}
        with pytest.raises(UserError, match=f"^run 0: {name} must not hold"):
            finished_records([record], "")


def test_every_line_of_the_lock_has_its_hashes_and_is_audited():
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(requirements) > 100
    for line in requirements:
        assert re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
    assert "://" not in text
    makefile = (ROOT / "Makefile").read_text()
    assert "--require-hashes" in makefile
    # without --strict, what cannot be looked up passes
    assert re.search(r"pip-audit .*--strict .*--requirement requirements\.lock", makefile)
    job = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text())
    assert {"run": "make audit"} in job["jobs"]["audit"]["steps"]


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
    started = subprocess.Popen(
        ["make", "mlflow", f"MLFLOW_PORT={port}"],
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
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
