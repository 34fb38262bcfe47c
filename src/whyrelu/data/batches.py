"""Batches of normalised images, made by index on the device that holds the whole data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from whyrelu.data.arrays import Arrays
from whyrelu.data.augment import augment
from whyrelu.data.split import Indices, split

Batch = tuple[Tensor, Tensor]
Statistics = npt.NDArray[np.float64]

# Images per forward pass where no gradient is needed; bounds the memory of deep and wide networks.
EVALUATION_BATCH = 1000


def channel_statistics(images: npt.NDArray[np.uint8], indices: Indices) -> tuple[Statistics, Statistics]:
    """Return mean and standard deviation (C,) of every channel over all pixels (0 to 255) of the chosen images.

    The sums are integers, so the result does not depend on any order. A constant channel gets standard deviation 1.
    """
    channels, pixels = images.shape[-1], math.prod(images.shape[1:])
    total, squares = np.zeros(pixels, np.int64), np.zeros(pixels, np.int64)
    # 2^16 squares of at most 255^2 stay below 2^32; this many images at a time fit in a processor's cache
    for start in range(0, len(indices), 256):
        chunk = images[indices[start : start + 256]].reshape(-1, pixels)
        total += chunk.sum(axis=0, dtype=np.uint32)
        squares += np.multiply(chunk, chunk, dtype=np.uint16).sum(axis=0, dtype=np.uint32)
    count = len(indices) * pixels // channels
    sums, square_sums = (values.reshape(-1, channels).sum(axis=0).tolist() for values in (total, squares))
    # in Python's integers the difference of two large, nearly equal numbers loses nothing
    variances = [(count * b - a * a) / count**2 for a, b in zip(sums, square_sums, strict=True)]
    deviations = [math.sqrt(value) if value > 0 else 1.0 for value in variances]
    return np.array([value / count for value in sums]), np.array(deviations)


class Images:
    """Those of (N, H, W, C) images and (N,) labels that `indices` names, normalised batch by batch on the device.

    Mean and deviation (C,) are of the training images. On a CPU the arrays stay memory-mapped.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        indices: Indices,
        mean: Statistics,
        std: Statistics,
        device: torch.device,
    ) -> None:
        self.device = device
        self._images = torch.from_numpy(images)
        self._labels = torch.from_numpy(labels)
        self._indices = torch.from_numpy(indices)
        if device.type != "cpu":
            self._images = self._images.index_select(0, self._indices).to(device)
            self._labels = self._labels[self._indices].to(device)
            self._indices = torch.arange(len(indices), device=device)
        # repeated along a row of pixels, which is one run of numbers: five times faster than channel by channel
        columns = images.shape[2]
        self._mean = torch.tensor(mean, dtype=torch.float32, device=device).repeat(columns)
        self._scale = (1 / torch.tensor(std, dtype=torch.float32, device=device)).repeat(columns)

    def __len__(self) -> int:
        return len(self._indices)

    def batch(self, rows: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> Batch:
        """Return images (B, C, H, W) float32, channels last in memory, and labels (B,); `change` maps uint8 images."""
        chosen = self._indices[rows]
        # channels last on disk is channels last in memory, without a copy
        images = self._images.index_select(0, chosen).permute(0, 3, 1, 2)
        if change is not None:
            images = change(images)
        size, channels, height, width = images.shape
        pixels = images.permute(0, 2, 3, 1).reshape(size * height, width * channels).float()
        pixels.sub_(self._mean).mul_(self._scale)
        return pixels.view(size, height, width, channels).permute(0, 3, 1, 2), self._labels[chosen]

    def shuffled_rows(self, seed: int) -> Tensor:
        """Return every row once in an order drawn from the seed, the same on every kind of device."""
        return torch.randperm(len(self), generator=torch.Generator().manual_seed(seed)).to(self.device)


@dataclass(frozen=True)
class Batches:
    """Every image once per iteration; the last batch may be smaller."""

    images: Images
    batch_size: int = EVALUATION_BATCH
    # From the name of a random stream to its seed in this epoch; without, images come in order and as they are.
    stream: Callable[[str], int] | None = None
    # Padding and flip of `augment`.
    augmentation: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        rows, change = torch.arange(len(self.images), device=self.images.device), None
        if self.stream is not None:
            rows = self.images.shuffled_rows(self.stream("order"))
        if self.stream is not None and any(self.augmentation.values()):
            generator = torch.Generator().manual_seed(self.stream("augmentation"))
            change = partial(augment, generator=generator, **self.augmentation)
        for part in rows.split(self.batch_size):  # type: ignore[no-untyped-call]
            yield self.images.batch(part, change)


class ImageDataModule(pl.LightningDataModule):
    """Training, validation and test batches of one run.

    `stream` maps the name of a random stream and an epoch, None for streams without epochs, to its seed.
    """

    def __init__(self, arrays: Arrays, config: Mapping[str, Any], stream: Callable[[str, int | None], int]) -> None:
        super().__init__()
        sizes = config["data"]["validation_size"], config["data"]["train_size"]
        self.arrays = arrays
        self.train_indices, self.validation_indices = split(arrays.train_labels, *sizes, stream("split", None))
        self._config = config
        self._stream = stream
        self._statistics = channel_statistics(arrays.train_images, self.train_indices)

    def _images(self, part: str, indices: Indices) -> Images:
        assert self.trainer is not None
        images, labels = getattr(self.arrays, f"{part}_images"), getattr(self.arrays, f"{part}_labels")
        return Images(images, labels, indices, *self._statistics, self.trainer.strategy.root_device)

    def train_dataloader(self) -> Batches:
        """Return the training batches, shuffled and augmented anew in each of the trainer's epochs."""
        images, trainer = self._images("train", self.train_indices), self.trainer
        assert trainer is not None
        return Batches(
            images,
            self._config["batch_size"],
            lambda name: self._stream(name, trainer.current_epoch),
            self._config["data"]["augmentation"],
        )

    def val_dataloader(self) -> Batches:
        """Return the batches of the validation split."""
        return Batches(self._images("train", self.validation_indices))

    def test_dataloader(self) -> Batches:
        """Return the batches of the test set."""
        return Batches(self._images("test", np.arange(len(self.arrays.test_labels))))

    def probe(self, most: int) -> Batch:
        """Return the same images (B, C, H, W) and labels (B,) of the validation split each time, `most` if it can."""
        validation = self._images("train", self.validation_indices)
        return validation.batch(validation.shuffled_rows(self._stream("probe", None))[:most])
