"""What times are facts of: processor, device and libraries, and what else the machine was doing meanwhile."""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

import psutil
import torch

from whyrelu.runs.provenance import provenance


class Use(NamedTuple):
    """Seconds up to a moment, and of processor time: of all processes, and of this one with its children."""

    moment: float
    everyone: float
    own: float


def use_now() -> Use:
    """How the processors have been used since the machine started."""
    times = psutil.cpu_times()
    # a guest's time is in that of its host
    idle = ("idle", "iowait", "guest", "guest_nice")
    everyone = sum(seconds for name, seconds in times._asdict().items() if name not in idle)
    return Use(time.monotonic(), everyone, sum(os.times()[:4]))


def others_between(first: Use, second: Use) -> float:
    """How many processors other processes kept busy, on average, between two moments."""
    others = (second.everyone - first.everyone) - (second.own - first.own)
    return max(0.0, others / (second.moment - first.moment))


def facts(device: torch.device, threads: int) -> dict[str, Any]:
    """The machine, as far as times depend on it."""
    known = provenance()
    return {
        "cpu": known["cpu"],
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count(),
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": threads,
        "python": known["python"],
        "libraries": {name: known["libraries"][name] for name in ("torch", "numpy")},
    }
