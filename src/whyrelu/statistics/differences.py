"""The difference of two means with the variance of that difference, alone or summed over strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whyrelu.statistics.samples import Sample

# The runs of the first and of the second group of one stratum, shapes (runs,).
Pair = tuple[Sample, Sample]
# A difference of means, and its variance with unequal variances of both groups; shapes (...).
Difference = tuple[NDArray[np.float64], NDArray[np.float64]]


def variance_of_mean(sample: Sample, axis: int = -1) -> NDArray[np.float64]:
    """Variance of the mean of independent runs; shape (...).

    Args:
        sample: shape (..., runs), at least two runs.
        axis: of the runs.
    """
    return np.asarray(np.var(sample, axis=axis, ddof=1) / sample.shape[axis], dtype=np.float64)


def difference_and_variance(first: Sample, second: Sample, axis: int = -1) -> Difference:
    """Difference of means, and the variance of that difference with unequal variances; shapes (...).

    Args:
        first: shape (..., runs).
        second: shape (..., runs of the other group).
        axis: of the runs.
    """
    return (
        np.mean(first, axis=axis) - np.mean(second, axis=axis),
        variance_of_mean(first, axis) + variance_of_mean(second, axis),
    )


def summed(strata: Sequence[Difference]) -> Difference:
    """Differences and variances of independent strata, each summed over the strata; shapes stay."""
    difference, variance = (np.sum(part, axis=0) for part in zip(*strata, strict=True))
    return difference, variance
