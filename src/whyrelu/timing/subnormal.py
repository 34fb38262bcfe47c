"""Subnormal numbers: how long a training step takes with them, and with `torch.set_flush_denormal` without.

Numbers below 2^-126 are stored in float32 with fewer digits, and many processors compute on them several times slower.
A gradient that shrinks layer by layer gets there if the network is deep enough; so does the momentum of a weight that
no longer gets any gradient, such as those into a dead unit of ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from whyrelu.timing.blocks import Stopwatch, in_blocks
from whyrelu.timing.steps import Net, Place, Steps
from whyrelu.timing.stopwatch import WARM_UP, sample_seconds

# Steps of warming up that are made as those that are timed: subnormal numbers are in gradients after one, and in
# momentum, which adds up whatever gradients there were.
_AS_TIMED = 3


@contextmanager
def flushing(flush: bool) -> Iterator[None]:
    """Have this thread take subnormal numbers for zero, or not; not is what it is before and after."""
    torch.set_flush_denormal(flush)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def can_flush() -> bool:
    """Whether this processor can."""
    with flushing(False):
        return bool(torch.set_flush_denormal(True))


def flushed_share(threads: int, size: int = 2**20) -> float:
    """The share of subnormal numbers that are flushed when PyTorch computes with some threads.

    The switch belongs to a thread; threads of PyTorch's pool that were there before keep what they had.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        numbers = torch.full((size,), 1e-40)
        with flushing(True):
            product = numbers * 1.0
        # compared as integers, which no switch flushes
        return float((product.view(torch.int32) == 0).double().mean())
    finally:
        torch.set_num_threads(before)


def subnormal_share(tensors: Sequence[Tensor]) -> float | None:
    """The share of subnormal numbers among all numbers of some tensors; None if there are none.

    Args:
        tensors: of any floating-point types and shapes.
    """
    counts = [
        (int(((tensor != 0) & (tensor.abs() < torch.finfo(tensor.dtype).smallest_normal)).sum()), tensor.numel())
        for tensor in tensors
        if tensor.is_floating_point()
    ]
    total = sum(count for _, count in counts)
    return sum(found for found, _ in counts) / total if total else None


def time_subnormal(
    steps: Steps, places: Sequence[Place], seconds: Callable[[], float]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Time training steps of networks whose gradients vanish, with subnormal numbers and flushed to zero.

    Each network keeps the state of its optimizer to itself, and from the last steps of warming up on is flushed always
    or never. The first place is timed whatever it takes.

    Args:
        steps: how.
        places: depths, the cheapest first, with one thread: the switch belongs to a thread.
        seconds: tells how many are left.

    Returns:
        the entries `subnormal` of timing.json: activation, depth, width, flush, the shares of subnormal numbers among
        gradients and in the optimizer's state at the end (None without a state), and seconds of one step, per block;
        and in words what was left out.
    """
    nets: list[tuple[Place, str, bool, Net]] = []
    groups: list[dict[str, Stopwatch]] = []
    left_out: list[str] = []
    planned = 0.0
    for i, place in enumerate(places):
        own: list[tuple[Place, str, bool, Net]] = []
        block = 0.0
        for name, config in place.configs.items():
            for flush in (False, True):
                net = Net(config, steps.batches, steps.classes)
                block += sample_seconds(steps.least, _warm_up(net, flush))
                own.append((place, name, flush, net))
        planned += steps.blocks * block
        if i and planned > seconds():
            left_out = [f"depth {other.depth} with gradients that vanish" for other in places[i:]]
            break
        nets += own
        groups.append({_key(name, flush): _stopwatch(net, flush, steps.least) for _, name, flush, net in own})
    times = in_blocks(groups, seconds(), steps.blocks, steps.rng)
    found = {place.depth: own for place, own in zip(places, times, strict=False)}
    entries = [
        {
            "activation": name,
            "depth": place.depth,
            "width": place.width,
            "flush": flush,
            **_shares(net),
            "seconds": found[place.depth][_key(name, flush)],
        }
        for place, name, flush, net in nets
    ]
    return entries, left_out


def _key(name: str, flush: bool) -> str:
    return f"{name}, {'flushed' if flush else 'kept'}"


def _warm_up(net: Net, flush: bool) -> float:
    """Make the steps that are not timed; about how many seconds one takes.

    All but the last are flushed in any case: they are to warm up processor and memory, and with subnormal numbers may
    take ten times as long.
    """
    with flushing(True):
        net.warm_up("train", WARM_UP - _AS_TIMED)
    with flushing(flush):
        return net.warm_up("train", _AS_TIMED)


def _stopwatch(net: Net, flush: bool, least: float) -> Stopwatch:
    def read() -> float:
        with flushing(flush):
            return net.seconds("train", least)

    return read


def _shares(net: Net) -> dict[str, float | None]:
    gradients = [p.grad for p in net.network.parameters() if p.grad is not None]
    state = [value for own in net.optimizer.state.values() for value in own.values() if isinstance(value, Tensor)]
    return {"gradients": subnormal_share(gradients), "state": subnormal_share(state)}
