"""What every estimate needs of an array of one number per run, with rounding kept out of constant ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Sample = NDArray[np.float64]

# Differences below this share of the largest magnitude are rounding: accuracies are counts over a test set.
ROUNDING = 1e-12


def as_sample(values: ArrayLike) -> Sample:
    """The values as float64, shape (runs,).

    Raises:
        ValueError: not one-dimensional, or empty.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"expected one number per run, got an array of shape {array.shape}")
    return array


def all_equal(sample: Sample) -> bool:
    """Whether the values differ by no more than rounding."""
    return bool(np.ptp(sample) <= ROUNDING * np.max(np.abs(sample)))


def mean(sample: Sample) -> float:
    """Arithmetic mean; exactly the value where all are equal, which `numpy.mean` can miss in the last bit."""
    return float(sample[0]) if all_equal(sample) else float(np.mean(sample))


def standard_deviation(sample: Sample) -> float:
    """Standard deviation (n - 1): exactly 0 where all are equal, nan for a single value."""
    if len(sample) < 2:
        return float("nan")
    return 0.0 if all_equal(sample) else float(np.std(sample, ddof=1))


def without_rounding(*samples: Sample) -> tuple[Sample, ...]:
    """The same samples on a scale on which rounding is gone, for what depends on differences and on ties only.

    Shifted and scaled together into [-1, 1], and rounded to `ROUNDING` of the largest magnitude; zeros where all values
    are equal.

    Args:
        samples: of any shapes that agree in all but the last axis; those along it, over all samples, share a scale.
    """
    values = np.concatenate(samples, axis=-1)
    low, high = (end(values, axis=-1, keepdims=True) for end in (np.min, np.max))
    spread, largest = high - low, np.maximum(np.abs(low), np.abs(high))
    # tiny differences between large values carry few digits
    step = np.maximum(ROUNDING, ROUNDING * np.divide(largest, spread, out=np.ones_like(spread), where=spread > 0))
    varies = spread > ROUNDING * largest
    scale = np.where(varies, spread, 1.0)
    scaled = (np.where(varies, (sample - (low + high) / 2) * 2 / scale, 0.0) for sample in samples)
    return tuple(np.round(sample / step) * step for sample in scaled)
