import numpy as np
import pytest

from whyrelu.data.normalisation import CHUNK, channel_statistics


def reference(images):
    values = images.astype(np.longdouble)
    return values.mean(axis=(0, 1, 2)), values.std(axis=(0, 1, 2))


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize("channels", [1, 3])
def test_agrees_with_the_definition(count, channels):
    images = np.random.default_rng(0).integers(0, 256, (count, 5, 4, channels), dtype=np.uint8)
    mean, deviation = channel_statistics(images, np.arange(count))
    expected_mean, expected_deviation = reference(images)
    assert mean.dtype == deviation.dtype == np.float64
    np.testing.assert_allclose(mean, expected_mean.astype(float), rtol=1e-15)
    np.testing.assert_allclose(deviation, expected_deviation.astype(float), rtol=1e-14)


def test_only_the_chosen_images_count_in_any_order():
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    chosen = np.arange(0, 50, 3)
    mean, deviation = channel_statistics(images, chosen)
    np.testing.assert_allclose(mean, reference(images[chosen])[0].astype(float), rtol=1e-15)
    again = channel_statistics(images, chosen[::-1])
    assert np.array_equal(again[0], mean) and np.array_equal(again[1], deviation)


def test_sums_do_not_overflow():
    images = np.full((3 * CHUNK, 8, 8, 1), 255, np.uint8)
    images[0, 0, 0, 0] = 254
    mean, deviation = channel_statistics(images, np.arange(len(images)))
    count = images.size
    assert mean[0] == (255 * count - 1) / count
    assert deviation[0] == pytest.approx(np.sqrt((count - 1) / count**2), rel=1e-12)


def test_a_constant_channel_has_deviation_one():
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 2), dtype=np.uint8)
    images[..., 0] = 7
    mean, deviation = channel_statistics(images, np.arange(10))
    assert (mean[0], deviation[0]) == (7, 1)
    assert deviation[1] > 10


def test_what_it_cannot_be_exact_for_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        channel_statistics(np.zeros((2, 4, 4, 1)), np.arange(2))
    with pytest.raises(ValueError, match="at least one"):
        channel_statistics(np.zeros((2, 4, 4, 1), np.uint8), np.arange(0))
