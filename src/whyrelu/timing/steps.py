"""Seconds of a training step and of inference: networks of a study that differ in nothing but the activation.

The activation's share of a step is what the step takes longer than one of the same network with the identity instead,
timed in the same block. The other way, to time the operation alone on tensors of the same shape, would leave out what
it does to caches, memory and the operations around it, a good part of its cost in small networks. Neither tells
how small the share would be if a compiler fused the activation into the convolution before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from whyrelu.config.targets import bind
from whyrelu.network.initialisation import build_network
from whyrelu.timing.blocks import Stopwatch, in_blocks
from whyrelu.timing.device import casting, device_of, parameter_type
from whyrelu.timing.stopwatch import WARM_UP, sample_seconds, seconds_of, warm_up

KINDS = ("train", "inference")
# The activation that costs nothing: what another one takes longer than it is that one's share of a step.
BASELINE = "identity"
# So small that weights stay as they are: every step computes on the same numbers, and nothing diverges.
_LR = 1e-12

Batches = Sequence[tuple[Tensor, Tensor]]


class Net:
    """One network with its optimizer and its images, all of them on the device.

    Args:
        config: a resolved configuration; its learning rate is not used.
        batches: images (B, C, H, W) and labels (B,), taken in turn; images of another type than the weights are cast.
        classes: number of classes.
    """

    def __init__(self, config: Mapping[str, Any], batches: Batches, classes: int) -> None:
        device = device_of(config["trainer"]["accelerator"])
        _, channels, height, width = batches[0][0].shape
        network = build_network(config, (height, width, channels), classes)
        dtype = parameter_type(config["precision"])
        self.network = network.to(device, dtype).to(memory_format=torch.channels_last)
        self.optimizer: torch.optim.Optimizer = bind("optimizer", config["optimizer"])(network.parameters(), lr=_LR)
        self._batches = itertools.cycle([(images.to(dtype), labels) for images, labels in batches])
        self._config, self._device = config, device
        self._about: dict[str, float] = {}

    def train(self) -> None:
        """One step: forward, loss, backward, update; nothing else."""
        images, labels = next(self._batches)
        self.optimizer.zero_grad()
        with casting(self._config, self._device):
            loss = functional.cross_entropy(self.network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def infer(self) -> Tensor:
        """The logits of one batch."""
        images, _ = next(self._batches)
        with torch.inference_mode(), casting(self._config, self._device):
            return self.network(images)  # type: ignore[no-any-return]

    def warm_up(self, kind: str, calls: int = WARM_UP) -> float:
        """Make steps of training or inference that are not timed.

        Args:
            kind: one of `KINDS`.
            calls: how many, at least 1.

        Returns:
            about how many seconds one takes.
        """
        self._about[kind] = warm_up(self._call(kind), calls)
        return self._about[kind]

    def seconds(self, kind: str, least: float) -> float:
        """Median seconds of a step of training or inference, after `warm_up`.

        Args:
            kind: one of `KINDS`.
            least: seconds to spend.
        """
        return seconds_of(self._call(kind), self._config["trainer"]["threads"], least, self._about[kind])

    def _call(self, kind: str) -> Callable[[], object]:
        self.network.train(kind == "train")
        return self.train if kind == "train" else self.infer


@dataclass(frozen=True)
class Place:
    """A depth and width, and the configurations of the activations that are compared there, by name."""

    depth: int
    width: int
    configs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Steps:
    """How steps are timed.

    Attributes:
        batches: of images and labels on the device.
        classes: number of classes.
        blocks: the fewest.
        least: seconds of one sample.
        rng: draws orders.
    """

    batches: Batches
    classes: int
    blocks: int
    least: float
    rng: np.random.Generator


def time_steps(
    steps: Steps, places: Sequence[Place], seconds: Callable[[], float], may_leave_out: bool = False
) -> tuple[list[dict[str, Any]], list[str]]:
    """Time training and inference at some depths and widths.

    Args:
        steps: how.
        places: where, the cheapest first.
        seconds: tells how many are left.
        may_leave_out: whether a place is left out, and all after it, that would take longer than is left.

    Returns:
        the entries `step` of timing.json, and in words what was left out.
    """
    groups: list[dict[str, Stopwatch]] = []
    keys: list[tuple[Place, str]] = []
    left_out: list[str] = []
    planned = 0.0
    for i, place in enumerate(places):
        nets = {name: Net(config, steps.batches, steps.classes) for name, config in place.configs.items()}
        if may_leave_out:
            blocks, before = _needed(next(iter(nets.values())), len(nets), steps)
            if planned + blocks + before > seconds():
                left_out += [f"width {other.width} at depth {other.depth}" for other in places[i:]]
                break
            planned += blocks
        for net, kind in itertools.product(nets.values(), KINDS):
            net.warm_up(kind)
        for kind in KINDS:
            keys.append((place, kind))
            groups.append({name: _stopwatch(net, kind, steps.least) for name, net in nets.items()})
    times = in_blocks(groups, seconds(), steps.blocks, steps.rng)
    entries = [_entries(place, kind, found) for (place, kind), found in zip(keys, times, strict=True)]
    return list(itertools.chain.from_iterable(entries)), left_out


def _stopwatch(net: Net, kind: str, least: float) -> Stopwatch:
    return lambda: net.seconds(kind, least)


def _entries(place: Place, kind: str, times: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    entries = []
    for name, seconds in times.items():
        share = None
        if BASELINE in times and name != BASELINE:
            share = [1 - free / own for free, own in zip(times[BASELINE], seconds, strict=True)]
        entries.append(
            {
                "activation": name,
                "depth": place.depth,
                "width": place.width,
                "kind": kind,
                "threads": place.configs[name]["trainer"]["threads"],
                "activation_share": share,
                "seconds": seconds,
            }
        )
    return entries


def _needed(net: Net, nets: int, steps: Steps) -> tuple[float, float]:
    """Seconds that the fewest blocks of a place take, and warming up before them.

    Args:
        net: one of its networks, which stands for all.
        nets: how many there are.
        steps: how they are timed.
    """
    durations = [_duration(net, kind) for kind in KINDS]
    sample = sum(sample_seconds(steps.least, duration) for duration in durations)
    return steps.blocks * nets * sample, WARM_UP * nets * sum(durations)


def _duration(net: Net, kind: str) -> float:
    """Seconds of one step, after one that is not counted; only to plan with."""
    return net.warm_up(kind, 2)
