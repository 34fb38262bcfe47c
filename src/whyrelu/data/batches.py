"""The Lightning data module: whole data set on the device, batches by index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from whyrelu.data.arrays import Arrays
from whyrelu.data.augment import augment
from whyrelu.data.normalisation import channel_statistics
from whyrelu.data.split import split

Batch = tuple[Tensor, Tensor]

# Images per forward pass where no gradient is needed; bounds the memory of deep and wide networks.
EVALUATION_BATCH = 1000


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
        images: np.ndarray,
        labels: np.ndarray,
        indices: np.ndarray,
        mean: np.ndarray,
        std: np.ndarray,
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
        """Return images (B, C, H, W) float32 and labels (B,) of some rows of this split.

        Args:
            rows: (B,) positions within the split, on the device.
            change: augmentation, applied to the uint8 images.
        """
        chosen = self._indices[rows]
        # channels last on disk is channels last in memory, without a copy
        images = self._images.index_select(0, chosen).permute(0, 3, 1, 2)
        if change is not None:
            images = change(images)
        return self._normalise(images), self._labels[chosen]

    def _normalise(self, images: Tensor) -> Tensor:
        """Return (B, C, H, W) float32 in channels-last memory format, for uint8 in any."""
        size, channels, height, width = images.shape
        rows = images.permute(0, 2, 3, 1).reshape(size * height, width * channels).float()
        rows.sub_(self._mean).mul_(self._scale)
        return rows.view(size, height, width, channels).permute(0, 3, 1, 2)

    def all_rows(self) -> Tensor:
        """Return every row in order, on the device."""
        return torch.arange(len(self), device=self._device)

    def shuffled_rows(self, seed: int) -> Tensor:
        """Return every row once in an order drawn from the seed, the same on every kind of device."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randperm(len(self), generator=generator).to(self._device)


class TrainingBatches:
    """One epoch of shuffled and augmented batches per iteration; every image once, the last batch may be smaller."""

    def __init__(
        self,
        images: Images,
        batch_size: int,
        augmentation: dict[str, Any],
        epoch: Callable[[], int],
        stream: Callable[[str, int], int],
    ) -> None:
        self._images = images
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._epoch = epoch
        self._stream = stream

    def __len__(self) -> int:
        return -(-len(self._images) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._epoch()
        generator = torch.Generator().manual_seed(self._stream("augmentation", epoch))
        change = None
        if self._augmentation["padding"] or self._augmentation["flip"]:

            def change(images: Tensor) -> Tensor:
                return augment(images, generator=generator, **self._augmentation)

        for rows in self._images.shuffled_rows(self._stream("order", epoch)).split(self._batch_size):  # type: ignore[no-untyped-call]
            yield self._images.batch(rows, change)


class EvaluationBatches:
    """Every image once, in order, unchanged."""

    def __init__(self, images: Images) -> None:
        self.images = images

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
        self.arrays = arrays
        self.train_indices, self.validation_indices = split(
            arrays.train_labels, validation_size, train_size, stream("split", None)
        )
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._stream = stream
        self._mean, self._std = channel_statistics(arrays.train_images, self.train_indices)

    def _images(self, images: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> Images:
        assert self.trainer is not None
        return Images(images, labels, indices, self._mean, self._std, self.trainer.strategy.root_device)

    def train_dataloader(self) -> TrainingBatches:
        """Return the training batches; Lightning iterates over them once per epoch."""
        trainer = self.trainer
        assert trainer is not None
        images = self._images(self.arrays.train_images, self.arrays.train_labels, self.train_indices)
        return TrainingBatches(
            images, self._batch_size, self._augmentation, lambda: trainer.current_epoch, self._stream
        )

    def val_dataloader(self) -> EvaluationBatches:
        """Return the batches of the validation split."""
        images = self._images(self.arrays.train_images, self.arrays.train_labels, self.validation_indices)
        return EvaluationBatches(images)

    def test_dataloader(self) -> EvaluationBatches:
        """Return the batches of the test set."""
        everything = np.arange(len(self.arrays.test_labels))
        return EvaluationBatches(self._images(self.arrays.test_images, self.arrays.test_labels, everything))

    def probe(self, most: int) -> Batch:
        """Return some images (B, C, H, W) and labels (B,) of the validation split, always the same ones.

        Args:
            most: how many, as far as there are so many.
        """
        validation = self.val_dataloader().images
        return validation.batch(validation.shuffled_rows(self._stream("probe", None))[:most])

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Return the batch, which was made on the device."""
        return batch
