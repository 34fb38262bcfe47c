"""The commands of src/ as a person types them: processes of their own, started or forked, in some folder."""

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
# Seconds after which a command is taken to hang: many times what any takes, since others share the cores.
PATIENCE = 900


# What starts no workers, so that a copy of a process can do it; a run alone, too.
_WITHOUT_WORKERS = "aggregate.py", "decide.py", "report.py", "status.py", "theory.py"


def python(folder: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of src/ in a folder, and wait for its end.

    It is forked from a process that has imported it, which saves seconds, unless that could make a difference.

    Args:
        folder: the working directory.
        script: its name.
        arguments: as typed.
        environment: further variables; with any, and for a script that starts workers, the process is a new one.
    """
    is_alone = script == "train.py" and not any(word in ("-m", "--multirun") for word in arguments)
    if not environment and (is_alone or script in _WITHOUT_WORKERS):
        return forked(folder, script, *arguments)
    return subprocess.run(
        [sys.executable, str(SOURCE / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | environment,
        check=False,
    )


def forked(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As `python`, in a process that is forked after the imports, whatever the script: for commands without workers."""
    server = _fork_server()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.NamedTemporaryFile() as stdout, tempfile.NamedTemporaryFile() as stderr:
        typed = [str(SOURCE / script), *arguments]
        command = {"folder": str(folder.resolve()), "arguments": typed, "environment": dict(os.environ)}
        line = json.dumps(command | {"stdout": stdout.name, "stderr": stderr.name})
        server.stdin.write(f"{line}\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(typed, code, stdout.read().decode(), stderr.read().decode())


@functools.cache
def _fork_server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(SOURCE), str(PATIENCE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # read when the commands' modules are imported
        env=os.environ | {"HYDRA_FULL_ERROR": "0"},
    )
    atexit.register(server.communicate)
    return server
