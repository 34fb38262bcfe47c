"""Batches of normalised images, made by index on the device that holds the whole data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

    The sums are integers, so the result is exact up to its last rounding and does not depend on any order. A constant
    channel gets standard deviation 1, so that dividing by it is harmless.

    Args:
        images: (N, H, W, C) uint8, possibly memory-mapped; a chunk of it is in memory at a time.
        indices: which images to use.
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
    """Some images of one split with their labels, normalised batch by batch on the device.

    Args:
        images: (N, H, W, C) uint8.
        labels: (N,) int64.
        indices: (n,) the rows that belong to the split.
        mean: (C,) per channel, of the training images.
        std: (C,) likewise.
        device: where batches are made. On a CPU the arrays stay memory-mapped and shared between processes.
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
        self._device = device
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
        """Return images (B, C, H, W) float32, channels last in memory, and labels (B,) of some rows of this split.

        Args:
            rows: (B,) positions within the split, on the device.
            change: augmentation, applied to the uint8 images.
        """
        chosen = self._indices[rows]
        # channels last on disk is channels last in memory, without a copy
        images = self._images.index_select(0, chosen).permute(0, 3, 1, 2)
        if change is not None:
            images = change(images)
        size, channels, height, width = images.shape
        pixels = images.permute(0, 2, 3, 1).reshape(size * height, width * channels).float()
        pixels.sub_(self._mean).mul_(self._scale)
        return pixels.view(size, height, width, channels).permute(0, 3, 1, 2), self._labels[chosen]

    def all_rows(self) -> Tensor:
        """Return every row in order, on the device."""
        return torch.arange(len(self), device=self._device)

    def shuffled_rows(self, seed: int) -> Tensor:
        """Return every row once in an order drawn from the seed, the same on every kind of device."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randperm(len(self), generator=generator).to(self._device)


@dataclass(frozen=True)
class TrainingBatches:
    """One epoch of shuffled and augmented batches per iteration; every image once, the last batch may be smaller.

    Attributes:
        images: the training images.
        batch_size: images per step.
        augmentation: keyword arguments of `augment`.
        epoch: tells which epoch it is.
        stream: maps the name of a random stream and an epoch to its seed.
    """

    images: Images
    batch_size: int
    augmentation: dict[str, Any]
    epoch: Callable[[], int]
    stream: Callable[[str, int], int]

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch()
        generator = torch.Generator().manual_seed(self.stream("augmentation", epoch))
        change = None
        if self.augmentation["padding"] or self.augmentation["flip"]:

            def change(images: Tensor) -> Tensor:
                return augment(images, generator=generator, **self.augmentation)

        for rows in self.images.shuffled_rows(self.stream("order", epoch)).split(self.batch_size):  # type: ignore[no-untyped-call]
            yield self.images.batch(rows, change)


@dataclass(frozen=True)
class EvaluationBatches:
    """Every image once, in order, unchanged."""

    images: Images

    def __len__(self) -> int:
        return -(-len(self.images) // EVALUATION_BATCH)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.images.all_rows().split(EVALUATION_BATCH):  # type: ignore[no-untyped-call]
            yield self.images.batch(rows)


class ImageDataModule(pl.LightningDataModule):
    """Training, validation and test batches of one run.

    Args:
        arrays: the prepared data set.
        validation_size: images of the validation split.
        train_size: training images to use, None for all.
        batch_size: images per training step.
        augmentation: `padding` in pixels and `flip`, for training images only.
        stream: maps the name of a random stream and an epoch (None for streams without epochs) to its seed.
    """

    def __init__(
        self,
        arrays: Arrays,
        validation_size: int,
        train_size: int | None,
        batch_size: int,
        augmentation: dict[str, Any],
        stream: Callable[[str, int | None], int],
    ) -> None:
        super().__init__()
        labels, seed = arrays.train_labels, stream("split", None)
        self.arrays = arrays
        self.train_indices, self.validation_indices = split(labels, validation_size, train_size, seed)
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._stream = stream
        self._statistics = channel_statistics(arrays.train_images, self.train_indices)

    def _images(self, part: str, indices: Indices) -> Images:
        assert self.trainer is not None
        images, labels = getattr(self.arrays, f"{part}_images"), getattr(self.arrays, f"{part}_labels")
        return Images(images, labels, indices, *self._statistics, self.trainer.strategy.root_device)

    def train_dataloader(self) -> TrainingBatches:
        """Return the training batches; Lightning iterates over them once per epoch."""
        trainer = self.trainer
        assert trainer is not None
        images = self._images("train", self.train_indices)
        return TrainingBatches(
            images, self._batch_size, self._augmentation, lambda: trainer.current_epoch, self._stream
        )

    def val_dataloader(self) -> EvaluationBatches:
        """Return the batches of the validation split."""
        return EvaluationBatches(self._images("train", self.validation_indices))

    def test_dataloader(self) -> EvaluationBatches:
        """Return the batches of the test set."""
        return EvaluationBatches(self._images("test", np.arange(len(self.arrays.test_labels))))

    def probe(self, most: int) -> Batch:
        """Return the same images (B, C, H, W) and labels (B,) of the validation split each time, `most` if it can."""
        validation = self.val_dataloader().images
        return validation.batch(validation.shuffled_rows(self._stream("probe", None))[:most])

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Return the batch, which was made on the device."""
        return batch
