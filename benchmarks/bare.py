"""A bare PyTorch loop written for speed: what is left when there is nothing but training.

The set lies in memory as uint8, padded once; a batch is gathered by index and augmented as a whole; the network is in
channels-last format; no step asks for a number, logs or saves. The optimizer is PyTorch's fused one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import record_function

from benchmarks import network
from benchmarks.setting import BATCH_SIZE, LEARNING_RATE, MOMENTUM, PADDING, Measurement, Setting
from benchmarks.synthetic import SyntheticCIFAR10, SyntheticSet


class Loader:
    """Shuffled and augmented batches of a set in memory.

    Args:
        images: (N, H, W, C) uint8.
        labels: (N,) int64.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self._count, self._height, self._width, self._channels = images.shape
        pixels = images.flatten(0, 2).float()
        self._mean = pixels.mean(0).view(1, -1, 1, 1)
        self._scale = (1 / pixels.std(0, correction=0)).view(1, -1, 1, 1)
        self._labels = labels
        padded = functional.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))
        self._rows, self._columns = padded.shape[1:3]
        # every row of a crop is a run of consecutive pixels, and begins at any of them
        starts = padded.shape[:3].numel() - self._width + 1
        self._runs = padded.contiguous().as_strided((starts, self._width * self._channels), (self._channels, 1))

    def crops(self, rows: Tensor) -> Tensor:
        """Return (B, H, W, C) uint8: images cut at random from their padded form, every second one mirrored."""
        top, left = torch.randint(0, 2 * PADDING + 1, (2, len(rows)))
        first = (rows * self._rows + top) * self._columns + left
        starts = first[:, None] + torch.arange(self._height) * self._columns
        crops = self._runs.index_select(0, starts.flatten()).view(-1, self._height, self._width, self._channels)
        mirrored = (torch.rand(len(rows)) < 0.5).nonzero()[:, 0]
        return crops.index_copy_(0, mirrored, crops.index_select(0, mirrored).flip(2))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, C, H, W) float32 in channels-last format, and labels (B,)."""
        for rows in torch.randperm(self._count).split(BATCH_SIZE):  # type: ignore[no-untyped-call]
            with record_function("bench::data"):
                images = self.crops(rows).permute(0, 3, 1, 2).float()
                batch = images.sub_(self._mean).mul_(self._scale), self._labels[rows]
            yield batch


def measure(setting: Setting, data: SyntheticSet) -> Measurement:
    """Train as fast as the machine can and take the time."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    whole = SyntheticCIFAR10(data.root, train=True)
    images = torch.from_numpy(whole.data[: setting.images])
    loader = Loader(images, torch.tensor(whole.targets[: setting.images]))
    return fit(network.build(setting.depth), loader, setting)


def fit(net: nn.Module, loader: Loader, setting: Setting) -> Measurement:
    """Train a network for all epochs of a setting."""
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
    mixed = setting.precision == "bf16-mixed"
    seconds = 0.0
    step = 0
    net.train()
    for _ in range(setting.epochs):
        total = torch.zeros(())
        started = time.perf_counter()
        for images, labels in loader:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * step / setting.steps)) / 2
            with torch.autocast("cpu", torch.bfloat16) if mixed else nullcontext():
                loss = functional.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(labels)
            step += 1
        mean = total.item() / setting.images
        seconds += time.perf_counter() - started
    return Measurement(setting.epochs * setting.images, seconds, step, mean)
