"""How much memory one run takes, roughly, and how much there is."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from pathlib import Path
from typing import Any

MEBIBYTE = 2**20
# A worker with Python, PyTorch and Lightning, before its first network.
PROCESS_BYTES = 900 * MEBIBYTE
# Images that are evaluated at once: `whyrelu.data.module.EVALUATION_BATCH`, which takes seconds to import.
EVALUATION_IMAGES = 1000
# How often the maps of all layers are held for these (by diagnostics), and the largest map; those of a batch; and the
# weights, with gradients of single images. Chosen so that nothing that was measured took more: docs/launchers.md.
EVALUATION_MAPS, EVALUATION_LARGEST, TRAINING_MAPS, WEIGHTS = 1, 3, 2, 30
# What is left to the rest of the machine.
SHARE = 0.9

CGROUPS = Path("/sys/fs/cgroup")


def run_bytes(config: Mapping[str, Any], shape: tuple[int, int, int]) -> int:
    """Return a generous estimate of the memory of a process that trains one run of a configuration on the CPU.

    Args:
        config: a resolved configuration.
        shape: (height, width, channels) of an image.
    """
    height, width, _ = shape
    number = 8 if config["precision"] == "64-true" else 4
    # the map is halved while its side stays at least 4, and channels double
    halvings = min(max(0, int(log2(max(1, min(height, width)) / 4))), config["depth"] - 1)
    stages = range(halvings + 1)
    largest = config["width"] * height * width * number
    maps = config["depth"] * largest * sum(2.0**-stage for stage in stages) / len(stages)
    weights = 9 * config["width"] ** 2 * config["depth"] * sum(4.0**stage for stage in stages) / len(stages) * number
    images = EVALUATION_MAPS * EVALUATION_IMAGES + TRAINING_MAPS * config["batch_size"]
    return int(PROCESS_BYTES + maps * images + EVALUATION_LARGEST * EVALUATION_IMAGES * largest + WEIGHTS * weights)


def available_bytes(cgroups: Path = CGROUPS, membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the memory that this process and those it starts can still take: the machine's, or that of its container.

    Args:
        cgroups: where control groups are mounted.
        membership: the file that says which of them this process belongs to.
    """
    import psutil

    limits = [int(psutil.virtual_memory().available)]
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers in ("", "memory"):
            limits += _headroom(cgroups / controllers, group)
    return max(0, min(limits))


def _headroom(mount: Path, group: str) -> list[int]:
    """Return what is left below the limit of a control group and of those it lies in."""
    found = []
    folder = mount / group.lstrip("/")
    # inside a container the path may be that of the host
    for place in (folder, *folder.parents) if folder.is_dir() else (mount,):
        if not place.is_relative_to(mount):
            break
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            try:
                # "max" is no limit
                left = int((place / limit).read_text()) - int((place / usage).read_text())
                found.append(left + _reclaimable(place))
            except (OSError, ValueError):
                continue
    return found


def _reclaimable(group: Path) -> int:
    """Return the bytes of files in memory that the kernel gives up when it is asked for memory."""
    try:
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int(counts.get("total_inactive_file", counts.get("inactive_file", "0")))
    except (OSError, ValueError):
        return 0
