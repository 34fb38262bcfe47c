"""Facts of the machine that was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_LIBRARIES = ("torch", "torchvision", "lightning", "torchmetrics", "numpy", "pillow", "hydra-core")
# of the instruction sets that matter to matrix multiplication
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")


def facts() -> dict[str, Any]:
    """Return CPU model, cores, instruction sets, memory, and versions."""
    from whyrelu.runs.provenance import provenance

    origin = provenance()
    flags = set(_line("flags").split())
    return {
        "cpu": origin["cpu"],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": origin["python"],
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def moment() -> dict[str, Any]:
    """Return when a measurement starts, of which code, and how busy which machine is: processes that want a core."""
    from whyrelu.runs.provenance import provenance

    origin = provenance()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": origin["cpu"],
        "load": round(os.getloadavg()[0], 2),
        "git_commit": origin["git_commit"],
        "git_dirty": origin["git_dirty"],
    }


def _line(key: str, path: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _memory_gib() -> float | None:
    text = _line("MemTotal", Path("/proc/meminfo"))
    return round(int(text.split()[0]) / 2**20, 1) if text else None
