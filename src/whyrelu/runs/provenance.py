"""Where a result comes from: code, libraries and machine."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from whyrelu.runs.identity import TRAINING_VERSION

PACKAGE = Path(__file__).resolve().parents[1]
# The packages that a training run executes.
_OF_TRAINING = ("config", "data", "diagnostics", "network", "training")
# What a newer version of may change the numbers.
_NUMERIC = ("torch", "lightning")
_LIBRARIES = (*_NUMERIC, "numpy", "hydra-core", "torchvision", "scikit-learn")


@cache
def provenance() -> dict[str, Any]:
    """Git commit and dirty flag (None outside a checkout), code and library versions, and the CPU."""
    commit = _git("rev-parse", "HEAD")
    return {
        "git_commit": commit,
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
        "code_version": TRAINING_VERSION,
        "code_digest": code_digest(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "python": platform.python_version(),
        "cpu": _cpu_model(),
    }


@cache
def code_digest() -> str:
    """12 hex digits over the files that training executes, comments too, and the versions of torch and Lightning."""
    digest = hashlib.sha256(repr([version(name) for name in _NUMERIC]).encode())
    for path in sorted(path for package in _OF_TRAINING for path in (PACKAGE / package).glob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def is_of_other_code(record: Mapping[str, Any]) -> bool:
    """Whether a run was trained by other code, or other versions of torch and Lightning, than are here."""
    return bool(record["provenance"].get("code_digest") != code_digest())


def other_code_notice(records: Iterable[Mapping[str, Any]]) -> str | None:
    """One line if some runs were made by other code or libraries than are here."""
    count = sum(map(is_of_other_code, records))
    told = f"{count} runs were trained by other code or libraries than are here; rerun=changed trains them again"
    return told if count else None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
