"""The commands of src/ as a person types them, as processes that can be killed with all they started."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

SOURCE = Path(__file__).resolve().parents[1] / "src"
# Seconds after which a command is taken to hang: many times what any takes, since others share the cores.
PATIENCE = 900


def start(folder: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Type a command in a folder, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, str(SOURCE / script), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "LOKY_MAX_CPU_COUNT": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # what a script has in the background ignores Ctrl-C, and so does what it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def ended(process: subprocess.Popen[str], patience: float = PATIENCE) -> tuple[int, str, str]:
    """Wait for the end of a command: exit code, output, errors; one that hangs is killed."""
    try:
        output, errors = process.communicate(timeout=patience)
    except BaseException:
        kill_tree(process.pid)
        raise
    return process.returncode, output, errors


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a command that must go well; what it printed."""
    code, output, errors = ended(process)
    assert code == 0, (output, errors)
    assert "Traceback" not in errors
    return output


def typed(folder: Path, script: str, *arguments: str) -> str:
    """Type a command that must go well; what it printed."""
    return finished(start(folder, script, *arguments))


def kill_tree(pid: int) -> None:
    """Kill -9 a command, its process group and all they started."""
    family = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
