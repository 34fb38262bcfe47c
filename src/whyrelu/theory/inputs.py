"""What theory needs to know of the images that a network is given."""

import numpy as np
from scipy.signal import fftconvolve

from whyrelu.data.arrays import Arrays
from whyrelu.data.batches import channel_statistics
from whyrelu.network.quadrature import Array
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
    power = (images**2).mean((0, 3))
    count = len(images)
    # the square of a mean image holds each image with itself once
    together = (images.mean(0) ** 2).sum()
    itself = (images**2).sum() / count
    other = (count * together - itself) / (count - 1) if count > 1 else itself
    return InputStatistics(power, float(np.clip(other / itself, -1, 1)), spatial_correlation(images))


def spatial_correlation(images: Array) -> Array:
    """E[x x'] / E[x^2] for two pixels of images (N, H, W, C) by their offset, (2 R + 1, 2 R + 1), R = min(H, W) - 1."""
    height, width = images.shape[1:3]
    # one at a time, because the products of all of them would not fit into memory
    products = sum(fftconvolve(image, image[::-1, ::-1], axes=(0, 1)).sum(2) for image in images)
    # the squares of both pixels, over the pairs that the image has
    first = fftconvolve((images**2).sum((0, 3)), np.ones((height, width)))
    squares = (first + first[::-1, ::-1]) / 2
    reach = np.arange(1 - min(height, width), min(height, width))
    near = np.ix_(height - 1 + reach, width - 1 + reach)
    return np.asarray((products / np.maximum(squares, 1e-12 * squares.max()))[near])
