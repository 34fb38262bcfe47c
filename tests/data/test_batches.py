"""Batches: every image once, normalised by the training images, shuffled and augmented from streams of their own."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from whyrelu.config.streams import stream_seed
from whyrelu.data import augment
from whyrelu.data.arrays import FILES, Arrays
from whyrelu.data.batches import Batches, ImageDataModule, Images, channel_statistics, evaluation_batch, on_device

PLAIN = {"padding": 0, "flip": False}
CONFIG = {"data": {"validation_size": 20, "train_size": 40, "augmentation": PLAIN}, "batch_size": 16}


# normalisation


def test_statistics_agree_with_the_definition():
    for count, channels in ((1, 3), (255, 1), (513, 3)):
        images = np.random.default_rng(0).integers(0, 256, (count + 9, 5, 4, channels), dtype=np.uint8)
        chosen = np.random.default_rng(1).permutation(count + 9)[:count]
        mean, deviation = channel_statistics(images, chosen)
        values = images[chosen].astype(np.longdouble)
        assert mean.dtype == deviation.dtype == np.float64
        np.testing.assert_allclose(mean, values.mean(axis=(0, 1, 2)).astype(float), rtol=1e-15)
        np.testing.assert_allclose(deviation, values.std(axis=(0, 1, 2)).astype(float), rtol=1e-14)
        again = channel_statistics(images, chosen[::-1])
        assert np.array_equal(again[0], mean) and np.array_equal(again[1], deviation)


def test_statistics_do_not_overflow_and_a_constant_channel_has_deviation_one():
    images = np.full((768, 8, 8, 2), 255, np.uint8)
    images[0, 0, 0, 0] = 254
    mean, deviation = channel_statistics(images, np.arange(len(images)))
    count = images[..., 0].size
    assert mean.tolist() == [(255 * count - 1) / count, 255]
    assert deviation.tolist() == [pytest.approx(np.sqrt((count - 1) / count**2), rel=1e-12), 1]


# augmentation


def stream_of(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=64, channels=3, height=8, width=8, dtype=torch.uint8):
    return torch.randint(1, 256, (count, channels, height, width), generator=stream_of(1)).to(dtype)


def augmented(images, padding, flip, generator):
    changes = augment.draw(len(images), len(images), padding, flip, generator)
    return augment.augment(images, changes, padding, flip)


def windows(image, padding):
    """Every crop of one padded image with the place it was cut at, mirrored or not: the definition."""
    height, width = image.shape[1:]
    padded = F.pad(image, (padding,) * 4)
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            window = padded[:, top : top + height, left : left + width]
            yield (top, left, False), window
            yield (top, left, True), window.flip(2)


def places(images, changed, padding):
    return [
        next(place for place, window in windows(image, padding) if torch.equal(window, result))
        for image, result in zip(images, changed, strict=True)
    ]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_every_image_becomes_a_window_of_itself(dtype, memory_format):
    for shape in ((16, 1, 6, 9), (16, 3, 8, 8)):
        images = pictures(*shape, dtype).contiguous(memory_format=memory_format)
        before = images.clone()
        changed = augmented(images, 2, True, stream_of())
        assert (changed.shape, changed.dtype) == (images.shape, dtype)
        assert changed.is_contiguous(memory_format=memory_format)
        assert torch.equal(images, before)
        assert len(set(places(images, changed, 2))) > 4


def test_all_places_and_both_directions_are_equally_likely():
    images = pictures(1, 1, 4, 4).expand(9000, 1, 4, 4)
    found, counts = torch.unique(augmented(images, 1, True, stream_of()), dim=0, return_counts=True)
    assert len(found) == 18
    # 500 expected of each, standard deviation 22
    assert counts.min() > 400 and counts.max() < 600


def test_crop_alone_never_mirrors_flip_alone_never_moves_and_neither_draws_nothing():
    images, generator = pictures(), stream_of()
    assert not any(mirrored for _, _, mirrored in places(images, augmented(images, 1, False, generator), 1))
    mirrored = augmented(images, 0, True, generator)
    same = (mirrored == images).flatten(1).all(1)
    assert 10 < same.sum() < 54
    assert torch.equal(mirrored[~same], images[~same].flip(3))
    state = generator.get_state()
    assert torch.equal(augmented(images, 0, False, generator), images)
    assert torch.equal(generator.get_state(), state)


def test_the_stream_decides_as_in_the_published_runs():
    generator, drawn = stream_of(5), augment.draw(5, 3, 2, True, stream_of(5))
    for batch in drawn.split(3, dim=1):
        size = batch.shape[1]
        assert torch.equal(batch[:2], torch.randint(0, 5, (2, size), generator=generator))
        assert torch.equal(batch[2] >= size, torch.rand(size, generator=generator) < 0.5)
    images = torch.arange(96, dtype=torch.uint8).view(2, 3, 4, 4)
    changed = augmented(images, 2, True, stream_of(5))
    assert changed[:, 0, :2].tolist() == [[[0, 0, 0, 0], [0, 1, 2, 3]], [[57, 56, 0, 0], [61, 60, 0, 0]]]


# batches


def stream(name, epoch):
    return stream_seed("study", 4, 0, name, epoch)


@pytest.fixture
def arrays():
    """Images whose pixels are all their own index, so that a batch tells which images it holds."""
    labels = np.arange(100, dtype=np.int64) % 4
    images = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 8, 8, 3)).copy()
    return Arrays(images, labels, images[:20], labels[:20], ("a", "b", "c", "d"), "fingerprint", {})


def training(arrays, augmentation=PLAIN, epoch=0):
    tensors = torch.from_numpy(arrays.train_images), torch.from_numpy(arrays.train_labels)
    images = Images(*tensors, np.arange(100), np.zeros(3), np.ones(3))
    return Batches(images, 16, lambda name: stream(name, epoch), augmentation)


def seen(batches):
    return [int(image[0, 4, 4]) for images, _ in batches for image in images]


def test_an_epoch_has_every_image_once_with_its_label(arrays):
    batches = training(arrays)
    assert len(batches) == len(list(batches)) == 7
    assert sorted(seen(batches)) == seen(Batches(batches.images)) == list(range(100))
    for images, labels in batches:
        assert torch.equal(images[:, 0, 0, 0].long() % 4, labels)
    assert seen(training(arrays)) == seen(batches) != seen(training(arrays, epoch=1))


def test_augmentation_changes_pixels_but_not_the_order(arrays):
    augmented = {"padding": 2, "flip": True}
    plain, changed, again = (
        torch.cat([images for images, _ in training(arrays, augmentation)])
        for augmentation in (PLAIN, augmented, augmented)
    )
    assert torch.equal(plain[:, :, 4, 4], changed[:, :, 4, 4])
    assert torch.equal(changed, again) and not torch.equal(plain, changed)
    images, _ = next(iter(training(arrays, augmented)))
    assert images.shape == (16, 3, 8, 8) and images.is_contiguous(memory_format=torch.channels_last)


def test_normalisation_knows_the_training_images_only(arrays):
    module = ImageDataModule(arrays, CONFIG, stream)
    assert (len(module.train_indices), len(module.validation_indices)) == (40, 20)
    statistics = channel_statistics(arrays.train_images, module.train_indices)
    tensors = on_device(arrays, torch.device("cpu"))
    images = Images(tensors["train_images"], tensors["train_labels"], module.train_indices, *statistics)
    batch, _ = images.batch(torch.arange(40))
    assert batch.mean((0, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-5)
    assert batch.std((0, 2, 3), correction=0) == pytest.approx([1, 1, 1], abs=1e-5)
    assert not np.isclose(statistics[0][0], arrays.train_images.mean())


def test_a_process_uploads_a_data_set_once_and_keeps_no_other(arrays):
    gpu = torch.device("meta")
    first = on_device(arrays, gpu)
    assert all(tensor.device == gpu for tensor in first.values()) and set(first) == set(FILES)
    assert on_device(dataclasses.replace(arrays), gpu) is first
    on_device(dataclasses.replace(arrays, fingerprint="another"), gpu)
    assert on_device(arrays, gpu) is not first


def test_an_epoch_uploads_the_same_however_many_batches_it_has(arrays, monkeypatch):
    """A step that uploads waits for the device."""
    to, uploads = torch.Tensor.to, []

    def counted(tensor, *arguments, **named):
        result = to(tensor, *arguments, **named)
        uploads.append((tensor.device.type, result.device.type))
        return result

    tensors = on_device(arrays, torch.device("meta"))
    images = Images(tensors["train_images"], tensors["train_labels"], np.arange(100), np.zeros(3), np.ones(3))
    monkeypatch.setattr(torch.Tensor, "to", counted)
    for size in (50, 10):
        uploads.clear()
        batches = Batches(images, size, lambda name: stream(name, 0), {"padding": 1, "flip": True})
        assert {batch.device.type for batch, _ in batches} == {"meta"}
        # the order, and the changes of all images
        assert uploads == [("cpu", "meta")] * 2


def test_evaluation_takes_more_images_at_once_on_a_larger_gpu_alone(monkeypatch):
    for gigabytes, expected in ((2, 1000), (65, 4096), (129, 8192)):
        gpu = SimpleNamespace(total_memory=gigabytes * 2**30)
        monkeypatch.setattr("torch.cuda.get_device_properties", lambda _, gpu=gpu: gpu)
        assert evaluation_batch(torch.device("cuda"), 32 * 32, 16) == expected
    assert evaluation_batch(torch.device("cpu"), 32 * 32, 16) == 1000
