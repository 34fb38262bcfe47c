"""Batches of normalised images, made by index on the device that holds the whole data set."""

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

from whyrelu.data.arrays import FILES, Arrays
from whyrelu.data.augment import augment, draw
from whyrelu.data.split import Indices, split

Batch = tuple[Tensor, Tensor]
# From the name of a random stream and an epoch, None for streams without epochs, to its seed.
Stream = Callable[[str, int | None], int]
Statistics = npt.NDArray[np.float64]

# Images per forward pass where no gradient is needed; bounds the memory of deep and wide networks.
EVALUATION_BATCH = 1000
# The data set that this process has put on a GPU, by fingerprint and device.
_uploaded: dict[tuple[str, torch.device], dict[str, Tensor]] = {}


def evaluation_batch(device: torch.device, pixels: int, width: int) -> int:
    """Images of so many pixels per forward pass without gradients: on a GPU, a power of 2 that fits into a 64th of it.

    All of its memory counts, whatever is free, so that results depend on the kind of GPU and not on its other users.
    """
    if device.type != "cuda":
        return EVALUATION_BATCH
    # four of the largest maps live at once
    image = 4 * torch.float32.itemsize * pixels * width
    fitting: int = torch.cuda.get_device_properties(device).total_memory // (64 * image)
    return max(EVALUATION_BATCH, 1 << fitting.bit_length() - 1)


def on_device(arrays: Arrays, device: torch.device) -> dict[str, Tensor]:
    """Return images and labels as tensors: uploaded once per process, and on a CPU left memory-mapped."""
    tensors = {name: torch.from_numpy(getattr(arrays, name)) for name in FILES}
    if device.type == "cpu":
        return tensors
    key = arrays.fingerprint, device
    if key not in _uploaded:
        _uploaded.clear()
        _uploaded[key] = {name: tensor.to(device) for name, tensor in tensors.items()}
    return _uploaded[key]


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
    """Those of (N, H, W, C) images and (N,) labels that `indices` names, normalised batch by batch on their device.

    Mean and deviation (C,) are of the training images.
    """

    def __init__(self, images: Tensor, labels: Tensor, indices: Indices, mean: Statistics, std: Statistics) -> None:
        self.device = images.device
        self._images = images
        self._labels = labels
        self._indices = torch.from_numpy(indices).to(self.device)
        # repeated along a row of pixels, which is one run of numbers: five times faster than channel by channel
        columns = images.shape[2]
        self._mean = torch.tensor(mean, dtype=torch.float32, device=self.device).repeat(columns)
        self._scale = (1 / torch.tensor(std, dtype=torch.float32, device=self.device)).repeat(columns)

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
        rows, size = torch.arange(len(self.images), device=self.images.device), self.batch_size
        if self.stream is not None:
            rows = self.images.shuffled_rows(self.stream("order"))
        if self.stream is None or not any(self.augmentation.values()):
            yield from map(self.images.batch, rows.split(size))  # type: ignore[no-untyped-call]
            return
        generator = torch.Generator().manual_seed(self.stream("augmentation"))
        # uploaded once, because a step that uploads waits for the device
        changes = draw(len(rows), size, generator=generator, **self.augmentation).to(self.images.device)
        for part, changed in zip(rows.split(size), changes.split(size, dim=1), strict=True):  # type: ignore[no-untyped-call]
            yield self.images.batch(part, partial(augment, changes=changed, **self.augmentation))


class ImageDataModule(pl.LightningDataModule):
    """Training, validation and test batches of one run."""

    def __init__(self, arrays: Arrays, config: Mapping[str, Any], stream: Stream) -> None:
        super().__init__()
        sizes = config["data"]["validation_size"], config["data"]["train_size"]
        self.arrays = arrays
        self.train_indices, self.validation_indices = split(arrays.train_labels, *sizes, stream("split", None))
        self._config = config
        self._stream = stream
        self._statistics = channel_statistics(arrays.train_images, self.train_indices)

    def _images(self, part: str, indices: Indices) -> Images:
        tensors = on_device(self.arrays, self._device)
        return Images(tensors[f"{part}_images"], tensors[f"{part}_labels"], indices, *self._statistics)

    @property
    def _device(self) -> torch.device:
        assert self.trainer is not None
        return self.trainer.strategy.root_device

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

    def _for_evaluation(self, part: str, indices: Indices) -> Batches:
        pixels = math.prod(self.arrays.train_images.shape[1:3])
        return Batches(self._images(part, indices), evaluation_batch(self._device, pixels, self._config["width"]))

    def val_dataloader(self) -> Batches:
        """Return the batches of the validation split."""
        return self._for_evaluation("train", self.validation_indices)

    def test_dataloader(self) -> Batches:
        """Return the batches of the test set."""
        return self._for_evaluation("test", np.arange(len(self.arrays.test_labels)))

    def probe(self, most: int) -> Batch:
        """Return the same images (B, C, H, W) and labels (B,) of the validation split each time, `most` if it can."""
        validation = self._images("train", self.validation_indices)
        return validation.batch(validation.shuffled_rows(self._stream("probe", None))[:most])
