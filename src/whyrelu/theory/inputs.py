"""What theory needs to know of the images that a network is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyrelu.data.arrays import Arrays
from whyrelu.data.batches import channel_statistics
from whyrelu.theory.prediction import InputStatistics

# Images that are looked at, and pixels in them, which are held in float64.
_MOST_IMAGES, _MOST_PIXELS = 2000, 10_000_000


def input_statistics(arrays: Arrays) -> InputStatistics:
    """Measure the input of a network on all images that are not for testing, normalised with their own statistics.

    A run normalises with those of its training split alone, which differ from seed to seed by very little.
    """
    everything = np.arange(len(arrays.train_labels))
    mean, std = channel_statistics(arrays.train_images, everything)
    most = max(2, min(_MOST_IMAGES, _MOST_PIXELS // arrays.train_images[0].size))
    step = -(-len(everything) // most)
    images = (arrays.train_images[::step].astype(np.float64) - mean) / std
    power = _symmetric((images**2).mean((0, 3)))
    count = len(images)
    # the square of a mean image holds each image with itself once
    together = (images.mean(0) ** 2).sum()
    itself = (images**2).sum() / count
    other = (count * together - itself) / (count - 1) if count > 1 else itself
    return InputStatistics(power, float(np.clip(other / itself, -1, 1)), spatial_correlation(images))


def spatial_correlation(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[x x'] / E[x^2] for two pixels of an image, by their offset.

    Args:
        images: (N, H, W, C).

    Returns:
        (2 R + 1, 2 R + 1) with R one less than the shorter side; 1 in the centre.
    """
    height, width = images.shape[1:3]
    radius = min(height, width) - 1
    # padded, so that what is correlated does not wrap around
    size = (2 * height - 1, 2 * width - 1)
    products = np.zeros(size)
    for image in images:  # one at a time, because all of them would not fit into memory
        products += (np.abs(np.fft.fft2(image, size, axes=(0, 1))) ** 2).sum(2)
    products = np.fft.ifft2(products).real / (len(images) * images.shape[3])
    # the squares of both pixels, over the pairs that the image has; the real part is the mean over both orders
    power, inside = (np.fft.fft2(field, size) for field in ((images**2).mean((0, 3)), np.ones((height, width))))
    squares = np.fft.ifft2((power * inside.conj()).real).real
    offsets = np.arange(-radius, radius + 1)
    near = np.ix_(offsets, offsets)
    return np.asarray(products[near] / np.maximum(squares[near], 1e-12 * squares.max()))


def _symmetric(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a field over the symmetries of the map, which convolutions of random weights share."""
    field = (field + field[::-1] + field[:, ::-1] + field[::-1, ::-1]) / 4
    return (field + field.T) / 2 if field.shape[0] == field.shape[1] else field
