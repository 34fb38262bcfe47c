"""Nanoseconds per element: every activation alone, forward and backward, on tensors from cache to memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whyrelu.timing.blocks import Stopwatch, in_blocks
from whyrelu.timing.stopwatch import seconds_of, warm_up

PASSES = ("forward", "backward")
# Small tensors are taken several at a time, up to so many elements together and so many tensors: the start of a
# backward pass is paid once per step of a network and not once per layer.
_TOGETHER = 2**17
_MOST = 32
# Activations that are not the study's are timed at two of the sizes, those nearest to these.
_FEW = (2**16, 2**20)


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

    Each call makes a new output, as in a network: what it takes to get memory is part of the time. Inputs are standard
    normal.

    Args:
        operations: what is timed, and how.
        seconds: tells how many are left.
        blocks: the fewest.
        rng: draws orders.

    Returns:
        the entries `op` of timing.json: activation, size, pass, threads, and seconds of one tensor, per block.
    """
    everywhere = _modules(operations, operations.activations)
    somewhere = everywhere | _modules(operations, operations.others)
    few = {min(operations.sizes, key=lambda size: abs(math.log2(size / wanted))) for wanted in _FEW}
    keys, groups = [], []
    for size in operations.sizes:
        inputs = _inputs(operations, size)
        for name in PASSES:
            keys.append((size, name))
            modules = somewhere if size in few else everywhere
            groups.append({own: _stopwatch(operations, name, module, inputs) for own, module in modules.items()})
    times = in_blocks(groups, seconds(), blocks, rng)
    return [
        {"activation": activation, "size": size, "pass": name, "threads": operations.threads, "seconds": own}
        for (size, name), found in zip(keys, times, strict=True)
        for activation, own in found.items()
    ]


def tensors_together(size: int) -> int:
    """How many tensors of a size one call takes."""
    return max(1, min(_MOST, _TOGETHER // size))


def _modules(operations: Operations, makers: Mapping[str, Callable[[], nn.Module]]) -> dict[str, nn.Module]:
    """Modules that have been called often enough."""
    modules = {name: make().to(operations.device, operations.dtype) for name, make in makers.items()}
    small = torch.randn(min(operations.sizes), device=operations.device, dtype=operations.dtype)
    for module in modules.values():
        warm_up(functools.partial(module, small))
    return modules


def _inputs(operations: Operations, size: int) -> list[Tensor]:
    generator = torch.Generator(operations.device).manual_seed(0)
    return [
        torch.randn(size, generator=generator, device=operations.device, dtype=operations.dtype)
        for _ in range(tensors_together(size))
    ]


def _stopwatch(operations: Operations, name: str, module: nn.Module, inputs: Sequence[Tensor]) -> Stopwatch:
    time_pass = _forward if name == "forward" else _backward
    return lambda: time_pass(operations, module, inputs) / len(inputs)


def _forward(operations: Operations, module: nn.Module, inputs: Sequence[Tensor]) -> float:
    def call() -> list[Tensor]:
        return [module(x) for x in inputs]

    with torch.no_grad():
        return seconds_of(call, operations.threads, operations.least)


def _backward(operations: Operations, module: nn.Module, inputs: Sequence[Tensor]) -> float:
    leaves = [x.detach().requires_grad_() for x in inputs]
    outputs = [module(x) for x in leaves]
    gradients = [torch.ones_like(y) for y in outputs]

    def call() -> tuple[Tensor, ...]:
        return torch.autograd.grad(outputs, leaves, gradients, retain_graph=True)

    return seconds_of(call, operations.threads, operations.least)
