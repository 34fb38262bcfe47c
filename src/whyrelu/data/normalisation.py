"""Mean and standard deviation of the channels, from the training images alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

# 2^16 squares of at most 255^2 stay below 2^32; this many images at a time fit in a processor's cache.
CHUNK = 256


def channel_statistics(
    images: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of every channel over all pixels of the chosen images.

    The sums are integers, so the result is exact up to its last rounding and does not depend on any order.

    Args:
        images: (N, H, W, C) uint8, possibly memory-mapped; a chunk of it is in memory at a time.
        indices: which images to use.

    Returns:
        Two (C,) float64 arrays in the units of the pixels (0 to 255). A constant channel gets standard deviation 1, so
        that dividing by it is harmless.

    Raises:
        ValueError: images that are not uint8, or no indices.
    """
    if images.dtype != np.uint8:
        raise ValueError(f"channel_statistics needs uint8 images, not {images.dtype}")
    if len(indices) == 0:
        raise ValueError("channel_statistics needs at least one image")
    pixels = math.prod(images.shape[1:])
    total = np.zeros(pixels, np.int64)
    squares = np.zeros(pixels, np.int64)
    for start in range(0, len(indices), CHUNK):
        chunk = np.asarray(images[indices[start : start + CHUNK]]).reshape(-1, pixels)
        total += chunk.sum(axis=0, dtype=np.uint32)
        squares += np.multiply(chunk, chunk, dtype=np.uint16).sum(axis=0, dtype=np.uint32)
    channels = images.shape[-1]
    count = len(indices) * pixels // channels
    sums = [int(value) for value in total.reshape(-1, channels).sum(axis=0)]
    square_sums = [int(value) for value in squares.reshape(-1, channels).sum(axis=0)]
    mean = np.array([value / count for value in sums])
    # In Python's integers the difference of two large, nearly equal numbers loses nothing.
    variance = [(count * b - a * a) / count**2 for a, b in zip(sums, square_sums, strict=True)]
    deviation = np.array([math.sqrt(value) if value > 0 else 1.0 for value in variance])
    return mean, deviation
