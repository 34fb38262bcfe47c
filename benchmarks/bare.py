"""A bare PyTorch loop written for speed: what is left when there is nothing but training.

The set lies on the device as uint8, padded once; a batch is gathered by index and augmented as a whole; the network is
in channels-last format; no step asks for a number, logs or saves. The optimizer is PyTorch's fused one.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import data, ours
from benchmarks.setting import LEARNING_RATE, MOMENTUM, PADDING, Measurement, Setting
from whyrelu.training.process import set_fp32


class Batches:
    """Shuffled batches of images (N, H, W, C) uint8 and labels (N,) int64; an iteration is an epoch."""

    def __init__(self, images: Tensor, labels: Tensor, size: int, augment: bool) -> None:
        self._images, self._labels, self._size, self._augment = images, labels, size, augment
        self._count, self._height, self._width, self._channels = images.shape
        pixels = images.flatten(0, 2).float()
        self._mean = pixels.mean(0).view(1, -1, 1, 1)
        self._scale = (1 / pixels.std(0, correction=0)).view(1, -1, 1, 1)
        padded = functional.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))
        self._rows, self._columns = padded.shape[1:3]
        # every row of a crop is a run of consecutive pixels, and begins at any of them
        starts = padded.shape[:3].numel() - self._width + 1
        self._runs = padded.contiguous().as_strided((starts, self._width * self._channels), (self._channels, 1))

    def crops(self, chosen: Tensor) -> Tensor:
        """Return (B, H, W, C) uint8: images cut at random from their padded form, every second one mirrored."""
        count, device = len(chosen), chosen.device
        top, left = torch.randint(0, 2 * PADDING + 1, (2, count), device=device)
        first = (chosen * self._rows + top) * self._columns + left
        starts = first[:, None] + torch.arange(self._height, device=device) * self._columns
        crops = self._runs.index_select(0, starts.flatten()).view(-1, self._height, self._width, self._channels)
        # without asking which are mirrored
        mirrored = torch.arange(count, device=device) + count * (torch.rand(count, device=device) < 0.5)
        return torch.cat([crops, crops.flip(2)]).index_select(0, mirrored)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, C, H, W) float32 in channels-last format, and labels (B,)."""
        for chosen in torch.randperm(self._count, device=self._labels.device).split(self._size):  # type: ignore[no-untyped-call]
            images = self.crops(chosen) if self._augment else self._images.index_select(0, chosen)
            yield images.permute(0, 3, 1, 2).float().sub_(self._mean).mul_(self._scale), self._labels[chosen]


def measure(setting: Setting, root: Path) -> Measurement:
    """Train as fast as the machine can and take the time."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    set_fp32(setting.precision)
    images, labels = (torch.from_numpy(array[: setting.images]).to(setting.device) for array in data.read(root))
    batches = Batches(images, labels, setting.batch_size, setting.augment)
    net = ours.network(setting.depth).to(setting.device)
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
    steps = setting.epochs * math.ceil(setting.images / setting.batch_size)
    step = 0
    started = time.perf_counter()
    for _ in range(setting.epochs):
        total = torch.zeros((), device=setting.device)
        for inputs, targets in batches:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
            with torch.autocast(setting.device, torch.bfloat16, enabled=setting.precision == "bf16-mixed"):
                loss = functional.cross_entropy(net(inputs), targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(targets)
            step += 1
        mean = total.item() / setting.images
    return Measurement(setting.epochs * setting.images / (time.perf_counter() - started), step, mean)
