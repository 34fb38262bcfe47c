"""Where a result comes from: code, libraries and machine."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from whyrelu.runs.code_version import code_version

_LIBRARIES = ("torch", "lightning", "numpy", "hydra-core", "torchvision", "scikit-learn")


@cache
def provenance() -> dict[str, Any]:
    """Return git commit and dirty flag (None outside a checkout), code version, library versions, and the CPU."""
    commit = _git("rev-parse", "HEAD")
    return {
        "git_commit": commit,
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
        "code_version": code_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "python": platform.python_version(),
        "cpu": _cpu_model(),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
