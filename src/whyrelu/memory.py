"""How much memory one run takes, roughly, and how much there is."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from pathlib import Path
from typing import Any

from whyrelu.errors import DataError, UserError

MEBIBYTE = 2**20
# A worker with Python, PyTorch and Lightning, before its first network.
PROCESS_BYTES = 900 * MEBIBYTE
# Images that are evaluated at once: `whyrelu.data.batches.EVALUATION_BATCH`, which takes seconds to import.
EVALUATION_IMAGES = 1000
# How often the maps of all layers are held for these (by diagnostics), and the largest map; those of a batch; and the
# weights, with gradients of single images. Chosen so that nothing that was measured took more: docs/launchers.md.
EVALUATION_MAPS, EVALUATION_LARGEST, TRAINING_MAPS, WEIGHTS = 1, 3, 2, 30
# What is left to the rest of the machine.
SHARE = 0.9
# How often the weights are held at least: themselves, their gradients, and a copy or momentum.
LEAST_WEIGHTS = 3

CGROUPS = Path("/sys/fs/cgroup")


def run_bytes(config: Mapping[str, Any], shape: tuple[int, int, int]) -> int:
    """Return a generous estimate of the memory of a process that trains one run of a configuration on the CPU.

    Args:
        config: a resolved configuration.
        shape: (height, width, channels) of an image.
    """
    height, width, _ = shape
    number = 8 if config["precision"] == "64-true" else 4
    stages = range(_halvings(config, shape) + 1)
    largest = config["width"] * height * width * number
    maps = config["depth"] * largest * sum(2.0**-stage for stage in stages) / len(stages)
    weights = _weights(config, shape) * number
    images = EVALUATION_MAPS * EVALUATION_IMAGES + TRAINING_MAPS * config["batch_size"]
    return int(PROCESS_BYTES + maps * images + EVALUATION_LARGEST * EVALUATION_IMAGES * largest + WEIGHTS * weights)


def refuse_what_cannot_fit(config: Mapping[str, Any], shape: tuple[int, int, int]) -> None:
    """Refuse a run whose weights or padded images alone take more memory than there is, before anything is allocated.

    A system that promises more memory than it has would kill the process instead of telling it.

    Args:
        config: a resolved configuration.
        shape: (height, width, channels) of an image.

    Raises:
        UserError: one line with the settings to make smaller.
    """
    height, width, channels = shape
    number = 8 if config["precision"] == "64-true" else 4
    padding = config["data"]["augmentation"]["padding"]
    padded = config["batch_size"] * (height + 2 * padding) * (width + 2 * padding) * channels if padding else 0
    # of the project's own network; those of others are for them to bound
    is_known = config["model"]["_target_"] == "whyrelu.network.model.CNN"
    weights = LEAST_WEIGHTS * _weights(config, shape) * number if is_known else 0
    available = available_bytes()
    for what, needed in (
        (f"depth={config['depth']} width={config['width']}", weights),
        (f"data.augmentation.padding={padding} batch_size={config['batch_size']}", padded),
    ):
        if needed > available:
            raise UserError(
                f"{what} needs at least {needed / 1e9:,.1f} GB of memory, and there are {available / 1e9:.1f} GB: "
                "choose a smaller one"
            )


def refuse_too_large_a_set(images: int, size: int, channels: int) -> None:
    """Refuse images resized to data.image_size that would not fit, before any is resized.

    Args:
        images: how many.
        size: side in pixels.
        channels: of each pixel, a byte each.

    Raises:
        DataError: one line.
    """
    # the list of single images, and the array that is made of it
    needed, available = 2 * images * size**2 * channels, available_bytes()
    if needed > available:
        raise DataError(
            f"data.image_size={size}: {images} images of this size need {needed / 1e9:,.1f} GB of memory, and there "
            f"are {available / 1e9:.1f} GB: choose a smaller one"
        )


def _weights(config: Mapping[str, Any], shape: tuple[int, int, int]) -> int:
    """Return about how many weights the network has."""
    stages = range(_halvings(config, shape) + 1)
    return int(9 * config["width"] ** 2 * config["depth"] * sum(4**stage for stage in stages) / len(stages))


def _halvings(config: Mapping[str, Any], shape: tuple[int, int, int]) -> int:
    """Return how often the map is halved: while its side stays at least 4, and channels double."""
    return min(max(0, int(log2(max(1, min(shape[:2])) / 4))), int(config["depth"]) - 1)


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
