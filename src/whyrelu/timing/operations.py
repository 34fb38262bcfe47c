"""Nanoseconds per element: every activation alone, forward and backward, on tensors from cache to memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whyrelu.results.labels import PAIR
from whyrelu.timing.blocks import Stopwatch, in_blocks
from whyrelu.timing.stopwatch import WARM_UP, seconds_of, warm_up

PASSES = ("forward", "backward")
# Small tensors are taken several at a time, up to so many elements together and so many tensors: the start of a
# backward pass is paid once per step of a network and not once per layer.
_TOGETHER = 2**17
_MOST = 32
# Activations that are not the study's are timed at two of the sizes, those nearest to these.
_FEW = (2**16, 2**20)
# Warming up ends after so many elements if that is fewer calls, as all of them would take longer than there is. What is
# left to warm up then are clocks and memory, which many elements see to as well as many calls. Two are made at least.
_WARM_ELEMENTS = 2**23
_WARM_LEAST = 2


@dataclass(frozen=True)
class Operations:
    """What is timed, and how.

    Attributes:
        activations: makes one module per call, by name; timed at all sizes.
        others: likewise, but timed at two sizes.
        sizes: elements of a tensor.
        device: where.
        dtype: of the elements.
        threads: that PyTorch may use.
        least: seconds of one sample.
    """

    activations: Mapping[str, Callable[[], nn.Module]]
    others: Mapping[str, Callable[[], nn.Module]]
    sizes: Sequence[int]
    device: torch.device
    dtype: torch.dtype
    threads: int
    least: float


def time_operations(
    operations: Operations, seconds: Callable[[], float], blocks: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Time all activations.

    Each call makes a new output, as in a network, in memory that an earlier one left. Inputs are standard normal.

    Args:
        operations: what is timed, and how.
        seconds: tells how many are left.
        blocks: the fewest.
        rng: draws orders.

    Returns:
        the entries `op` of timing.json: activation, size, pass, threads, and seconds of one tensor, per block.
    """
    # the pair that is compared belongs together, whatever of it the study has
    paired = {name: maker for name, maker in operations.others.items() if name in PAIR}
    everywhere = _modules(operations, {**operations.activations, **paired})
    somewhere = _modules(operations, {name: own for name, own in operations.others.items() if name not in paired})
    few = {min(operations.sizes, key=lambda size: abs(math.log2(size / wanted))) for wanted in _FEW}
    keys, groups = [], []
    for size in operations.sizes:
        inputs = _inputs(operations, size)
        for name in PASSES:
            if everywhere:
                keys.append((size, name))
                groups.append(_group(operations, name, everywhere, inputs))
            # apart, as nothing is claimed of them: they are many, and the study's get more blocks without them
            if somewhere and size in few:
                keys.append((size, name))
                groups.append(_group(operations, name, somewhere, inputs))
    times = in_blocks(groups, seconds(), blocks, rng)
    return [
        {"activation": activation, "size": size, "pass": name, "threads": operations.threads, "seconds": own}
        for (size, name), found in zip(keys, times, strict=True)
        for activation, own in found.items()
    ]


def tensors_together(size: int) -> int:
    """How many tensors of a size one call takes."""
    return max(1, min(_MOST, _TOGETHER // size))


def warm_up_calls(size: int) -> int:
    """How many calls warm up each activation and pass at a size: 20, and fewer where tensors are large."""
    return max(_WARM_LEAST, min(WARM_UP, _WARM_ELEMENTS // (size * tensors_together(size))))


def _modules(operations: Operations, makers: Mapping[str, Callable[[], nn.Module]]) -> dict[str, nn.Module]:
    return {name: make().to(operations.device, operations.dtype) for name, make in makers.items()}


def _inputs(operations: Operations, size: int) -> list[Tensor]:
    generator = torch.Generator(operations.device).manual_seed(0)
    return [
        torch.randn(size, generator=generator, device=operations.device, dtype=operations.dtype)
        for _ in range(tensors_together(size))
    ]


def _group(
    operations: Operations, name: str, modules: Mapping[str, nn.Module], inputs: Sequence[Tensor]
) -> dict[str, Stopwatch]:
    return {own: _stopwatch(operations, name, module, inputs) for own, module in modules.items()}


def _stopwatch(operations: Operations, name: str, module: nn.Module, inputs: Sequence[Tensor]) -> Stopwatch:
    """Times a pass of a module, which is warmed up here."""
    with _calls(name, module, inputs) as call:
        about = warm_up(call, warm_up_calls(inputs[0].numel()))

    def read() -> float:
        with _calls(name, module, inputs) as call:
            return seconds_of(call, operations.threads, operations.least, about) / len(inputs)

    return read


@contextmanager
def _calls(name: str, module: nn.Module, inputs: Sequence[Tensor]) -> Iterator[Callable[[], object]]:
    """What is called and timed for one of `PASSES`."""
    if name == "forward":
        with torch.no_grad():
            yield lambda: [module(x) for x in inputs]
    else:
        leaves = [x.detach().requires_grad_() for x in inputs]
        outputs = [module(x) for x in leaves]
        gradients = [torch.ones_like(y) for y in outputs]
        yield lambda: torch.autograd.grad(outputs, leaves, gradients, retain_graph=True)
