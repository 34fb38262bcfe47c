"""The times of one process: what is compared is timed once per round, in random order, as long as there is time.

A machine gets slower and faster while it measures, which rounds spread over everything alike. Where memory and code of
a process come to lie also makes a difference of some percent, which no round averages out: `whyrelu.timing.stage`
repeats it all in fresh processes. Started as a module, this reads a task and writes its times as JSON.
"""

import json
import logging
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from whyrelu.commandline import reporting_errors
from whyrelu.config.targets import bind
from whyrelu.network.activations import activation_factory
from whyrelu.network.initialisation import build_network
from whyrelu.training.process import keep_freed_memory, set_fp32

# The pair that is compared at all widths.
PAIR = ("relu", "sigmoid")
KINDS = ("train", "inference")
# Small tensors are taken several at a time, up to so many elements together and so many tensors: the start of a
# backward pass is paid once per step of a network and not once per layer.
_TOGETHER, _MOST = 2**17, 32
# Seconds of one sample; a call that takes longer is timed alone.
_SAMPLE = 0.01
# A step at another width may take this part of the time, and about four times as much as at half the width.
_LONGEST, _GROWTH = 0.03, 4
# So small that weights stay as they are: every step computes on the same numbers, and nothing diverges.
_LR = 1e-12
# Of parameters, and of what convolutions compute and activations are applied to.
_TYPES = {
    "32-true": (torch.float32, torch.float32),
    "tf32": (torch.float32, torch.float32),
    "64-true": (torch.float64, torch.float64),
    "bf16-mixed": (torch.float32, torch.bfloat16),
    "16-mixed": (torch.float32, torch.float16),
}


class Task(NamedTuple):
    """What one process times."""

    # of one cell, for all that its networks have in common
    config: Mapping[str, Any]
    # by the name in the tables
    activations: Mapping[str, Mapping[str, Any]]
    depths: Sequence[int]
    # (height, width, channels) of images
    shape: Sequence[int]
    classes: int
    # moment of `time.time` at which it is to end, if one round of everything is done
    until: float
    # draws the orders
    seed: int


class _Call(NamedTuple):
    """Something to time, and what its entry of timing.json says; one call does it `times` times."""

    entry: dict[str, Any]
    function: Callable[[], object]
    about: float
    times: int = 1


def measure(task: Task) -> dict[str, Any]:
    """Return `entries` of timing.json, each with the median seconds over rounds, and `left_out` in words."""
    keep_freed_memory()
    set_fp32(task.config["precision"])
    begun, threads = time.time(), task.config["trainer"]["threads"]
    steps, left_out = _steps(task, (task.until - begun) * _LONGEST)
    calls = [*_operations(task), *steps]
    seconds: list[list[float]] = [[] for _ in calls]
    rng, start = np.random.default_rng(task.seed), begun
    # as long as another round would not take too long
    while not seconds[0] or 2 * time.time() - start <= task.until:
        start = time.time()
        for i in rng.permutation(len(calls)):
            number = math.ceil(_SAMPLE / calls[i].about)
            seconds[i].append(_seconds(calls[i].function, number, threads) / calls[i].times)
    timed = [
        call.entry | {"threads": threads, "seconds": float(f"{statistics.median(own):.5g}")}
        for call, own in zip(calls, seconds, strict=True)
    ]
    return {"entries": timed, "left_out": left_out}


def _seconds(function: Callable[[], object], number: int, threads: int) -> float:
    """Seconds of one of some calls, after two at least that are not timed; waits for the device."""
    # which it warns of where a compiler for CUDA is and no device; nothing is compiled here
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from torch.utils.benchmark import Timer

    return Timer("call()", globals={"call": function}, num_threads=threads).timeit(number).mean


def _call(task: Task, entry: dict[str, Any], function: Callable[[], object], times: int = 1) -> _Call:
    return _Call(entry, function, _seconds(function, 1, task.config["trainer"]["threads"]), times)


def _operations(task: Task) -> Iterator[_Call]:
    """Every activation on standard normal tensors of all sizes; each call makes a new output, as in a network."""
    config = task.config
    device, dtype = torch.device(config["trainer"]["accelerator"]), _TYPES[config["precision"]][1]
    modules = {name: activation_factory(own)().to(device, dtype) for name, own in task.activations.items()}
    for size in config["timing"]["sizes"]:
        count = max(1, min(_MOST, _TOGETHER // size))
        inputs = [torch.randn(size, device=device, dtype=dtype).requires_grad_() for _ in range(count)]
        ones = [torch.ones_like(x) for x in inputs]
        for name, module in modules.items():
            entry = {"activation": name, "size": size}
            yield _call(task, entry | {"pass": "forward"}, partial(_forward, module, inputs), count)
            backward = partial(torch.autograd.grad, [module(x) for x in inputs], inputs, ones, retain_graph=True)
            yield _call(task, entry | {"pass": "backward"}, backward, count)


@torch.no_grad()
def _forward(module: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    return [module(x) for x in inputs]


class TimedNetwork:
    """A network of the task with its optimizer and a batch of standard normal images."""

    def __init__(self, task: Task, entry: Mapping[str, Any]) -> None:
        own = {"activation": task.activations[entry["activation"]], "depth": entry["depth"], "width": entry["width"]}
        config = {**task.config, **own}
        device, (dtype, computed) = torch.device(config["trainer"]["accelerator"]), _TYPES[config["precision"]]
        height, width, channels = task.shape
        network = build_network(config, task.shape, task.classes).to(device, dtype)
        self.network = network.to(memory_format=torch.channels_last).train(entry["kind"] == "train")
        self.optimizer = bind("optimizer", config["optimizer"])(network.parameters(), lr=_LR)
        images = torch.randn(config["batch_size"], channels, height, width, device=device, dtype=dtype)
        self.images = images.to(memory_format=torch.channels_last)
        self.labels = torch.randint(task.classes, (len(images),), device=device)
        # gradients are not scaled, which takes no time
        self.casting = torch.autocast(device.type, computed, enabled=computed != dtype)

    def train(self) -> None:
        """One step: forward, loss, backward, update; nothing else."""
        self.optimizer.zero_grad()
        with self.casting:
            loss = functional.cross_entropy(self.network(self.images), self.labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def inference(self) -> Tensor:
        """The logits of one batch."""
        with torch.inference_mode(), self.casting:
            return self.network(self.images)  # type: ignore[no-any-return]


def _steps(task: Task, longest: float) -> tuple[list[_Call], list[str]]:
    """Networks of all depths, and of the pair at the smallest depth and other widths, as far as these fit."""
    calls = [call for depth in task.depths for call in _steps_at(task, task.activations, depth, task.config["width"])]
    pair, least = [name for name in PAIR if name in task.activations], min(task.depths)
    widths = sorted(set(task.config["timing"]["widths"]) - {task.config["width"]}) if pair else []
    for i, width in enumerate(widths):
        new = _steps_at(task, pair, least, width)
        calls += new
        if max(call.about for call in new) * _GROWTH > longest:
            return calls, [f"width {wider} at depth {least}" for wider in widths[i + 1 :]]
    return calls, []


def _steps_at(task: Task, activations: Iterable[str], depth: int, width: int) -> list[_Call]:
    entries = [
        {"activation": name, "depth": depth, "width": width, "kind": kind} for name in activations for kind in KINDS
    ]
    return [_call(task, entry, getattr(TimedNetwork(task, entry), str(entry["kind"]))) for entry in entries]


if __name__ == "__main__":
    with reporting_errors():
        print(json.dumps(measure(Task(**json.load(sys.stdin)))))
