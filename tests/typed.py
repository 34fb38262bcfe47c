"""The commands of src/ as a person types them: processes of their own, in some folder."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"


def python(folder: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of src/ in a folder, with further variables of the environment, and wait for its end."""
    return subprocess.run(
        [sys.executable, str(SOURCE / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
        check=False,
    )


def forked(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As `python`, in a process that is forked after the imports: for many short commands that start no workers."""
    server = _fork_server()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.NamedTemporaryFile() as stdout, tempfile.NamedTemporaryFile() as stderr:
        typed = [str(SOURCE / script), *arguments]
        command = {"folder": str(folder), "arguments": typed, "environment": dict(os.environ)}
        line = json.dumps(command | {"stdout": stdout.name, "stderr": stderr.name})
        server.stdin.write(f"{line}\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(typed, code, stdout.read().decode(), stderr.read().decode())


@functools.cache
def _fork_server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(SOURCE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # read when the commands' modules are imported
        env=os.environ | {"HYDRA_FULL_ERROR": "0"},
    )
    atexit.register(server.communicate)
    return server
