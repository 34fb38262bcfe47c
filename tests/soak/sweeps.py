"""What sweeps leave behind, whoever kills them."""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from typed import PATIENCE, ended

TINY = [
    *("depth=1", "width=2", "batch_size=16", "init=he", "data.train_size=64", "diagnostics=summary"),
    *("trainer.checkpoint_seconds=0", "mlflow.tracking_uri=null"),
]
TIMES = {"train_seconds", "samples_per_second"}
# Activations of a person's own, beside where the command is typed. `counted` notes the process of each step, `deadly`
# kills its process while it trains.
OWN = """
import os
import torch

def counted(x):
    if torch.is_grad_enabled() and x.requires_grad and x.ndim == 4 and len(x) == 16:
        file = os.open("steps", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{os.getpid()}\\n".encode())
        os.close(file)
    return torch.relu(x)

def deadly(x):
    if torch.is_grad_enabled() and x.requires_grad:
        os.kill(os.getpid(), 9)
    return torch.relu(x)
"""


def refusal(process: subprocess.Popen[str]) -> str:
    """The one line with which a command ends that must not go well; Ray's own notices aside."""
    code, output, errors = ended(process)
    assert code != 0, (output, errors)
    assert "Traceback" not in errors, errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors
    return lines[0]


def wait_until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something has happened or a command has ended."""
    deadline = time.monotonic() + PATIENCE
    while not happened() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def left_behind(folder: Path, seconds: float) -> list[str]:
    """The processes that still work in a folder after some seconds; as soon as there are none, nothing."""
    deadline = time.monotonic() + seconds
    while found := _working_in(folder):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


def _working_in(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder.resolve()):
                found.append(" ".join(process.cmdline()))
    return found


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """What the runs below a folder found, without times: by id."""
    found = {}
    for path in folder.glob("runs/*/*/run.json"):
        record = json.loads(path.read_bytes())
        del record["provenance"]
        record["metrics"] = {key: value for key, value in record["metrics"].items() if key not in TIMES}
        layers = path.with_name("layers.npy")
        record["layers"] = layers.read_bytes() if layers.exists() else None
        found[record["run_id"]] = record
    return found


def statuses(folder: Path) -> list[str]:
    return sorted(record["status"] for record in records(folder).values())


def steps(folder: Path) -> list[int]:
    """The process of every step that `counted` was called for."""
    path = folder / "steps"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []
