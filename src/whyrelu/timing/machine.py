"""What times are facts of: processor, caches, device, libraries, and what else the machine was doing meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from whyrelu.runs.provenance import provenance
from whyrelu.timing.device import device_name

# Processors that others keep busy, on average, above which the page warns.
BUSY = 0.25
# Seconds over which it is found out whether the machine is calm.
_GLANCE = 0.5
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_STAT = Path("/proc/stat")


class Use(NamedTuple):
    """Seconds of processor time up to a moment: of all processes, of this one, and taken by the host of a guest."""

    moment: float
    everyone: float
    own: float
    stolen: float


def use_now() -> Use | None:
    """How the processors have been used since the machine started; None where the system does not tell (no Linux)."""
    try:
        fields = [int(text) for text in _STAT.read_text().split("\n", 1)[0].split()[1:]]
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    user, nice, system, _idle, _waiting, interrupts, soft, stolen, *_ = [*fields, *[0] * 8]
    times = os.times()
    own = times.user + times.system
    return Use(time.monotonic(), (user + nice + system + interrupts + soft) / ticks, own, stolen / ticks)


def others_between(first: Use | None, second: Use | None) -> float | None:
    """How many processors other processes, or other guests of the same host, kept busy between two moments."""
    if first is None or second is None or second.moment <= first.moment:
        return None
    others = (second.everyone - first.everyone) - (second.own - first.own) + (second.stolen - first.stolen)
    return max(0.0, others / (second.moment - first.moment))


def load_average() -> float | None:
    """Processes that ran or waited, average of the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def wait_for_calm(most: float) -> float | None:
    """Wait until other processes leave the machine alone, such as what trained a moment ago.

    The load average cannot tell: it takes a minute to fall.

    Args:
        most: seconds to wait.

    Returns:
        processors that others keep busy at the end of it.
    """
    end = time.monotonic() + most
    while True:
        before = use_now()
        time.sleep(_GLANCE)
        others = others_between(before, use_now())
        if others is None or others <= BUSY / 2 or time.monotonic() >= end:
            return others


def available_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts(device: torch.device, threads: int) -> dict[str, Any]:
    """The machine, as far as times depend on it."""
    known = provenance()
    return {
        "cpu": known["cpu"],
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": available_cores(),
        "caches": _caches(),
        "device": device.type,
        "device_name": device_name(device),
        "threads": threads,
        "python": known["python"],
        "libraries": {name: known["libraries"][name] for name in ("torch", "numpy")},
    }


def _caches() -> dict[str, str]:
    """Sizes of the caches of the first core, e.g. {"L1 data": "48K", "L2": "2048K"}; empty if they are not known."""
    caches: dict[str, str] = {}
    for folder in sorted(_CACHES.glob("index*")):
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction":
            caches[f"L{level} data" if kind == "Data" else f"L{level}"] = size
    return caches
