"""What times are facts of: processor, device and libraries."""

import os
from typing import Any

import psutil
import torch

from whyrelu.runs.provenance import provenance


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
