"""Batches: every image once, normalised by the training images, shuffled and augmented from streams of their own."""

import numpy as np
import pytest
import torch

from whyrelu.data.arrays import Arrays
from whyrelu.data.batches import ImageDataModule, Images, TrainingBatches
from whyrelu.config.streams import stream_seed

CPU = torch.device("cpu")
PLAIN = {"padding": 0, "flip": False}


def stream(name: str, epoch: int | None) -> int:
    return stream_seed("study", 4, 0, name, epoch)


@pytest.fixture
def arrays() -> Arrays:
    """Images whose pixels are all their own index, so that a batch tells which images it holds."""
    labels = np.arange(100, dtype=np.int64) % 4
    images = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 8, 8, 3)).copy()
    return Arrays(images, labels, images[:20], labels[:20], ("a", "b", "c", "d"), "fingerprint", {})


def training(arrays: Arrays, augmentation: dict = PLAIN, epoch: int = 0) -> TrainingBatches:
    images = Images(arrays.train_images, arrays.train_labels, np.arange(100), np.zeros(3), np.ones(3), CPU)
    return TrainingBatches(images, 16, augmentation, lambda: epoch, stream)


def seen(batches: TrainingBatches) -> list[int]:
    return [int(image[0, 4, 4]) for images, _ in batches for image in images]


def test_an_epoch_has_every_image_once_with_its_label(arrays):
    batches = training(arrays)
    assert len(batches) == len(list(batches)) == 7
    assert sorted(seen(batches)) == list(range(100))
    for images, labels in batches:
        assert torch.equal(images[:, 0, 0, 0].long() % 4, labels)


def test_epochs_differ_and_repeat(arrays):
    assert seen(training(arrays, epoch=0)) == seen(training(arrays, epoch=0))
    assert seen(training(arrays, epoch=0)) != seen(training(arrays, epoch=1))


def test_augmentation_changes_pixels_but_not_the_order(arrays):
    augmented = {"padding": 2, "flip": True}
    plain = torch.cat([images for images, _ in training(arrays)])
    changed = torch.cat([images for images, _ in training(arrays, augmented)])
    assert torch.equal(plain[:, :, 4, 4], changed[:, :, 4, 4])
    assert not torch.equal(plain, changed)
    again = torch.cat([images for images, _ in training(arrays, augmented)])
    assert torch.equal(changed, again)


def test_batches_are_channels_last(arrays):
    images, _ = next(iter(training(arrays, {"padding": 1, "flip": True})))
    assert images.shape == (16, 3, 8, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_normalisation_knows_the_training_images_only(arrays):
    module = ImageDataModule(arrays, 20, None, 16, PLAIN, stream)
    images = Images(arrays.train_images, arrays.train_labels, module.train_indices, module._mean, module._std, CPU)
    batch, _ = images.batch(images.all_rows())
    assert batch.mean((0, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-5)
    assert batch.std((0, 2, 3), correction=0) == pytest.approx([1, 1, 1], abs=1e-5)
    everything = arrays.train_images.mean()
    assert not np.isclose(module._mean[0], everything)


def test_splits_share_no_image_and_depend_on_the_stream(arrays):
    module = ImageDataModule(arrays, 20, 40, 16, PLAIN, stream)
    assert len(module.train_indices) == 40
    assert len(module.validation_indices) == 20
    assert not set(module.train_indices) & set(module.validation_indices)
    other = ImageDataModule(arrays, 20, 40, 16, PLAIN, lambda name, epoch: 1 + stream(name, epoch))
    assert list(other.validation_indices) != list(module.validation_indices)
