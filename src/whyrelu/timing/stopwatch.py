"""How long one call takes: PyTorch's benchmark timer, which warms up, pins threads and waits for the device."""

from __future__ import annotations

import logging
from collections.abc import Callable

# Calls before the first one that is timed, of anything that is made anew.
WARM_UP = 20


def seconds_of(call: Callable[[], object], threads: int, least: float) -> float:
    """Median seconds of one call.

    Calls are timed one by one, or in groups so large that the clock does not matter, after at least one that is not. On
    a device of its own, such as CUDA, the timer synchronises before it reads the clock.

    Args:
        call: what is timed.
        threads: that PyTorch may use within a call.
        least: seconds to spend; at least one group is timed.
    """
    # which it warns of where a compiler for CUDA is and no device; nothing is compiled here
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": call}, num_threads=threads)
    return float(timer.blocked_autorange(min_run_time=least).median)


def warm_up(call: Callable[[], object], calls: int = WARM_UP) -> None:
    """Call something until memory, caches, clocks and kernels are in the state in which they stay."""
    for _ in range(calls):
        call()
