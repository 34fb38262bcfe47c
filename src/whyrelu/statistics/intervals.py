"""Estimates with their confidence intervals: means, shares, medians and ratios of the runs of a cell."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# From this many values on the interval of a mean is bootstrapped: with fewer, resampling has too little to draw from.
BOOTSTRAP_FROM = 8
RESAMPLES = 9_999


class Estimate(NamedTuple):
    """A number and the ends of its interval, which hold it; both ends are nan where the data cannot give any."""

    estimate: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike, level: float = 0.95, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """The mean, with Student's interval; from 8 values on it is widened to the BCa bootstrap's (Efron 1987).

    BCa alone covers 84% to 88% with 8 values, Student's too little where scores are two-humped or squeezed against a
    bound; what either holds covers 94% to 97%. Ends are cut to `bounds`; without spread all three are the mean.
    """
    array = _sample(values)
    mean = float(np.mean(array))
    if len(array) == 1:
        return Estimate(mean, math.nan, math.nan)
    if array.min() == array.max():
        return Estimate(*[float(array[0])] * 3)
    low, high = stats.t.interval(level, len(array) - 1, mean, stats.sem(array))
    if len(array) >= BOOTSTRAP_FROM:
        resampled = stats.bootstrap(
            (array,), np.mean, n_resamples=RESAMPLES, confidence_level=level, rng=np.random.default_rng(0)
        ).confidence_interval
        # a bootstrap without spread is nan
        low, high = np.fmin(low, resampled.low), np.fmax(high, resampled.high)
    return _holding(mean, max(low, bounds[0]), min(high, bounds[1]))


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of a - b as `mean_interval` has it; both of shape (pairs,)."""
    return mean_interval(np.subtract(*_pairs(a, b)), level)


def share_interval(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A share of n with Wilson's score interval (Wilson 1927)."""
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return _holding(successes / n, interval.low, interval.high)


def median_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """The median between two order statistics (binomial); below six values these are the extremes."""
    array = np.sort(_sample(values))
    median = float(np.median(array))
    if len(array) == 1:
        return Estimate(median, math.nan, math.nan)
    rank = max(int(stats.binom.ppf((1 - level) / 2, len(array), 0.5)), 1)
    return _holding(median, array[rank - 1], array[-rank])


def ratio_interval(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Estimate:
    """The geometric mean of a / b, shape (pairs,) above 0, with Student's interval on the logarithms."""
    first, second = _pairs(a, b)
    if not (np.all(first > 0) and np.all(second > 0)):
        raise ValueError("ratios are of numbers above 0")
    logarithms = np.log(first / second)
    mean = float(np.mean(logarithms))
    if len(logarithms) == 1:
        return Estimate(math.exp(mean), math.nan, math.nan)
    error = stats.sem(logarithms)
    low, high = stats.t.interval(level, len(logarithms) - 1, mean, error) if error else (mean, mean)
    return Estimate(*np.exp(_holding(mean, low, high)).tolist())


def _sample(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, at least one, got {array}")
    return array


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = _sample(a), _sample(b)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} numbers are no pairs")
    return first, second


def _holding(estimate: float, low: float, high: float) -> Estimate:
    """An interval whose ends rounding has not moved past its own estimate."""
    return Estimate(estimate, min(float(low), estimate), max(float(high), estimate))
