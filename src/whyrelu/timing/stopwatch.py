"""How long one call takes, by PyTorch's benchmark clock, which waits for the device.

`torch.utils.benchmark.Timer` finds out anew in each sample how many calls it takes, and spends up to ten times what was
asked for on that. Here a call's length is known from its warm-up.
"""

from __future__ import annotations

import logging
import math
import statistics
import timeit
from collections.abc import Callable
from typing import Any

# Calls before the first one that is timed, of anything that is made anew.
WARM_UP = 20
# Calls that take less are timed several at a time, so that reading the clock and waiting for a device do not matter.
_GROUP = 1e-3
# An interruption in the middle of a sample does not move the median of so many groups.
_GROUPS = 3
# A call that takes as long is timed once, and not after another: interruptions and cold caches are short beside it.
_LONG = 0.05
# No call is planned to take less.
_LEAST = 1e-9


def seconds_of(call: Callable[[], object], threads: int, least: float, about: float) -> float:
    """Median seconds of one call.

    Calls are timed one by one, or in groups of about a millisecond, three groups at least. A group that is not timed
    comes first, as something else was in the caches. Of calls of 50 ms and more there is only one.

    Args:
        call: what is timed.
        threads: that PyTorch may use within a call.
        least: seconds to spend, about.
        about: seconds of one call, as `warm_up` found; to plan with.
    """
    number, groups = _numbers(least, about)
    benchmark = _benchmark()
    # collects no garbage meanwhile
    watch = timeit.Timer(call, timer=benchmark.timer)
    with benchmark.set_torch_threads(threads):
        if about < _LONG:
            watch.timeit(number)
        return statistics.median(watch.repeat(groups, number)) / number


def sample_seconds(least: float, about: float) -> float:
    """About how long `seconds_of` takes."""
    number, groups = _numbers(least, about)
    return about * number * (groups + (about < _LONG))


def _numbers(least: float, about: float) -> tuple[int, int]:
    """Calls in a group, and groups."""
    if about >= _LONG:
        return 1, 1
    number = max(1, math.ceil(min(_GROUP, least) / about))
    return number, max(_GROUPS, math.ceil(least / (number * about)))


def warm_up(call: Callable[[], object], calls: int = WARM_UP) -> float:
    """Call something until memory, caches, clocks and kernels are in the state in which they stay.

    Returns:
        seconds of one of the later calls; only to plan with.
    """
    clock = _benchmark().timer
    for _ in range(calls // 2):
        call()
    start = clock()
    for _ in range(calls - calls // 2):
        call()
    return max(_LEAST, float(clock() - start) / (calls - calls // 2))


def _benchmark() -> Any:
    # which it warns of where a compiler for CUDA is and no device; nothing is compiled here
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    import torch.utils.benchmark

    return torch.utils.benchmark
