"""Estimates and intervals as pure functions over arrays of one number per run.

Every array is one-dimensional, shape (runs,), unless said otherwise. Nothing assumes equal variances, because
spreads differ by an order of magnitude between activations. Every resampling takes a seed of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
# From this many runs on, the interval of a mean is bootstrapped: with fewer, resampling has too little to draw from.
BOOTSTRAP_FROM = 8
RESAMPLES = 9_999


class Interval(NamedTuple):
    """A confidence interval; both ends nan where the data cannot give one."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A point estimate with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One cell in numbers: mean, standard deviation (n - 1), interquartile mean, interval of the mean."""

    n: int
    mean: float
    sd: float
    iqm: float
    low: float
    high: float


def seed_of(name: str) -> int:
    """A 64-bit seed from a name, so that what is computed for one name never depends on the others."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of the middle half: a quarter of the values is cut from each end (rounded down).

    Args:
        values: shape (runs,), at least one.
    """
    array = _runs(values)
    return _mean(array) if _equal(array) else float(stats.trim_mean(array, 0.25))


def t_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of the mean; nan for a single value, the mean twice if all are equal.

    Args:
        values: shape (runs,), at least one.
        confidence: level of the interval.
    """
    array = _runs(values)
    if len(array) < 2:
        return Interval(float("nan"), float("nan"))
    if _equal(array):
        return Interval(float(array[0]), float(array[0]))
    half = float(t_half_width(_sd(array), len(array), confidence))
    return Interval(_mean(array) - half, _mean(array) + half)


def t_half_width(sd: ArrayLike, n: ArrayLike, confidence: float = CONFIDENCE) -> NDArray[np.float64]:
    """Half the width of the t interval of means, elementwise; nan where n < 2.

    Args:
        sd: standard deviations (n - 1), any shape.
        n: numbers of runs, of a shape that broadcasts with `sd`.
        confidence: level of the intervals.
    """
    count = np.asarray(n, dtype=np.float64)
    freedom = np.where(count > 1, count - 1, np.nan)
    quantile = stats.t.ppf(0.5 + confidence / 2, freedom)
    return np.asarray(quantile * np.asarray(sd, dtype=np.float64) / np.sqrt(count), dtype=np.float64)


def bootstrap_interval(values: ArrayLike, seed: int, confidence: float = CONFIDENCE) -> Interval:
    """BCa bootstrap interval of the mean (Efron 1987); the mean twice if all values are equal.

    Args:
        values: shape (runs,), at least two.
        seed: of the resampling.
        confidence: level of the interval.
    """
    array = _runs(values)
    if _equal(array):
        return Interval(float(array[0]), float(array[0]))
    result = stats.bootstrap(
        (array,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def mean_interval(values: ArrayLike, seed: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean: BCa bootstrap from `BOOTSTRAP_FROM` runs on, t interval below.

    Args:
        values: shape (runs,), at least one.
        seed: of the resampling.
        confidence: level of the interval.
    """
    array = _runs(values)
    if len(array) >= BOOTSTRAP_FROM:
        return bootstrap_interval(array, seed, confidence)
    return t_interval(array, confidence)


def summarise(values: ArrayLike, seed: int) -> Summary:
    """The summary of one cell over all its runs, failed ones included; sd and interval are nan for a single run.

    Args:
        values: shape (runs,), at least one.
        seed: of the resampling.
    """
    array = _runs(values)
    interval = mean_interval(array, seed)
    return Summary(len(array), _mean(array), _sd(array), interquartile_mean(array), interval.low, interval.high)


def wilson_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927).

    Args:
        successes: how many of `n`.
        n: at least one.
        confidence: level of the interval.
    """
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def mean_difference(first: ArrayLike, second: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """Difference of two means, first minus second, with the t interval of Welch 1947 (unequal variances).

    The interval is nan if either group has a single run, and the difference twice if neither group varies.

    Args:
        first: shape (runs,).
        second: shape (runs of the other group,).
        confidence: level of the interval.
    """
    a, b = _runs(first), _runs(second)
    difference = _mean(a) - _mean(b)
    if min(len(a), len(b)) < 2:
        return Estimate(difference, float("nan"), float("nan"))
    if _equal(a) and _equal(b):
        return Estimate(difference, difference, difference)
    variances = np.array([_sd(a) ** 2 / len(a), _sd(b) ** 2 / len(b)])
    total = float(variances.sum())
    freedom = total**2 / float(np.sum(variances**2 / [len(a) - 1, len(b) - 1]))
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * total**0.5
    return Estimate(difference, difference - half, difference + half)


def _runs(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"expected one number per run, got an array of shape {array.shape}")
    return array


def _equal(array: NDArray[np.float64]) -> bool:
    """Whether the values differ by no more than rounding."""
    return bool(np.ptp(array) <= 1e-12 * np.max(np.abs(array)))


def _mean(array: NDArray[np.float64]) -> float:
    # The mean of equal numbers can miss them in the last bit
    return float(array[0]) if _equal(array) else float(np.mean(array))


def _sd(array: NDArray[np.float64]) -> float:
    if len(array) < 2:
        return float("nan")
    return 0.0 if _equal(array) else float(np.std(array, ddof=1))
