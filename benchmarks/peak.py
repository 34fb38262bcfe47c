"""What the machine can do at most: matrix multiplication; and how much of it a training step needs.

python -m benchmarks.peak THREADS prints the peaks as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import network
from benchmarks.setting import BATCH_SIZE, CLASSES, IMAGE_SHAPE, PRECISIONS

DTYPES = dict(zip(PRECISIONS, (torch.float32, torch.bfloat16), strict=True))
SIZES = (256, 512, 1024, 2048)
# Seconds of multiplications at each size.
SECONDS = 1.0


def flops_per_sample(depth: int) -> float:
    """Return the floating-point operations of a forward and backward pass, per image.

    An addition and a multiplication count as two; convolutions and the linear layer alone are counted.
    """
    net = network.build(depth)
    height, width, channels = IMAGE_SHAPE
    images = torch.zeros(BATCH_SIZE, channels, height, width)
    counter = FlopCounterMode(display=False)
    with counter:
        functional.cross_entropy(net(images), torch.arange(BATCH_SIZE) % CLASSES).backward()  # type: ignore[no-untyped-call]
    return counter.get_total_flops() / BATCH_SIZE


def multiplication(size: int, dtype: torch.dtype, seconds: float = SECONDS) -> float:
    """Return the median floating-point operations per second of a matrix multiplication with this process's threads.

    Args:
        size: rows and columns.
        dtype: of the matrices.
        seconds: for how long to repeat it, after three repetitions that do not count.
    """
    first, second = (torch.randn(size, size).to(dtype) for _ in range(2))
    result = torch.empty(size, size, dtype=dtype)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 8 or time.perf_counter() < end:
        started = time.perf_counter()
        torch.mm(first, second, out=result)
        times.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(times[3:])


def measure(threads: int, sizes: tuple[int, ...] = SIZES, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Return a row per precision and size: threads, precision, size, flops_per_second."""
    torch.set_num_threads(threads)
    return [
        {
            "threads": threads,
            "precision": precision,
            "size": size,
            "flops_per_second": multiplication(size, dtype, seconds),
        }
        for precision, dtype in DTYPES.items()
        for size in sizes
    ]


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
