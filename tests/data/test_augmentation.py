import pytest
import torch
import torch.nn.functional as F

from whyrelu.data.augment import augment


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=64, channels=3, height=8, width=8, dtype=torch.uint8):
    return torch.randint(1, 256, (count, channels, height, width), generator=stream(1)).to(dtype)


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
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_every_image_becomes_a_window_of_itself(dtype, channels, memory_format):
    images = pictures(16, channels, 6, 9, dtype).contiguous(memory_format=memory_format)
    before = images.clone()
    changed = augment(images, 2, True, stream())
    assert (changed.shape, changed.dtype) == (images.shape, dtype)
    assert changed.is_contiguous(memory_format=memory_format)
    assert torch.equal(images, before)
    assert len(set(places(images, changed, 2))) > 4


def test_all_places_and_both_directions_are_equally_likely():
    images = pictures(1, 1, 4, 4).expand(9000, 1, 4, 4)
    found, counts = torch.unique(augment(images, 1, True, stream()), dim=0, return_counts=True)
    assert len(found) == 18
    # 500 expected of each, standard deviation 22
    assert counts.min() > 400 and counts.max() < 600


def test_crop_alone_never_mirrors_and_flip_alone_never_moves():
    images = pictures()
    assert not any(mirrored for _, _, mirrored in places(images, augment(images, 1, False, stream()), 1))
    mirrored = augment(images, 0, True, stream())
    same = (mirrored == images).flatten(1).all(1)
    assert 10 < same.sum() < 54
    assert torch.equal(mirrored[~same], images[~same].flip(3))


def test_nothing_switched_on_changes_and_draws_nothing():
    images, generator = pictures(), stream()
    state = generator.get_state()
    assert torch.equal(augment(images, 0, False, generator), images)
    assert torch.equal(generator.get_state(), state)


def test_the_stream_decides_whatever_the_type_and_memory_format():
    images = pictures()
    reference = augment(images, 4, True, stream(5))
    assert torch.equal(augment(images, 4, True, stream(5)), reference)
    assert torch.equal(augment(images.float(), 4, True, stream(5)), reference.float())
    assert torch.equal(augment(images.contiguous(memory_format=torch.channels_last), 4, True, stream(5)), reference)
    assert not torch.equal(augment(images, 4, True, stream(6)), reference)


def test_padding_larger_than_the_image_is_black_where_nothing_is_left():
    images = pictures(200, 1, 2, 2)
    changed = augment(images, 5, False, stream())
    assert (changed == 0).flatten(1).all(1).any()
    places(images, changed, 5)


def test_a_batch_of_one():
    images = pictures(1)
    assert augment(images, 4, True, stream()).shape == images.shape
