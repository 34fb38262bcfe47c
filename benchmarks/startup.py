"""How long commands take that do nothing, from the command to the prompt."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, environment

REPETITIONS = 5


def measure(repetitions: int = REPETITIONS) -> list[dict[str, Any]]:
    """Time each command after one start that does not count.

    `dvc repro` is measured only where it has nothing to do: it must not begin a study here.

    Returns:
        Rows of name, command, seconds (one number per repetition, none if it was not measured) and reason.
    """
    python = sys.executable
    dvc = str(Path(python).parent / "dvc")
    commands = {
        "help": [python, "src/train.py", "--help"],
        "repro": [dvc, "repro"],
        "status": [python, "src/status.py"],
        "template_help": [python, "benchmarks/template.py", "--help"],
    }
    rows = []
    for name, command in commands.items():
        reason = None
        if name == "repro" and not pipeline_is_up_to_date(dvc):
            reason = "the pipeline of this checkout is not up to date; make reproduce comes first"
        seconds = [] if reason else [_timed(command) for _ in range(repetitions + 1)][1:]
        shown = " ".join(["python" if word == python else Path(word).name if word == dvc else word for word in command])
        rows.append({"name": name, "command": shown, "seconds": seconds, "reason": reason})
    return rows


def pipeline_is_up_to_date(dvc: str) -> bool:
    """Ask DVC whether `dvc repro` would have nothing to do."""
    done = subprocess.run([dvc, "status", "--json"], env=_environment(), cwd=ROOT, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == "{}"


def _environment() -> dict[str, str]:
    return environment(DVC_NO_ANALYTICS="1")


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=_environment(), cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - started
