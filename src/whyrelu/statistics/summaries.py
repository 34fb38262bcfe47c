"""Cells in numbers: mean, spread, interquartile mean, and the interval of the mean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from whyrelu.statistics.samples import all_equal, as_sample, mean, standard_deviation

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
    array = as_sample(values)
    return mean(array) if all_equal(array) else float(stats.trim_mean(array, 0.25))


def t_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of the mean; nan for a single value, the mean twice if all are equal.

    Args:
        values: shape (runs,), at least one.
        confidence: level of the interval.
    """
    array = as_sample(values)
    if len(array) < 2:
        return Interval(float("nan"), float("nan"))
    if all_equal(array):
        return Interval(float(array[0]), float(array[0]))
    half = float(t_half_width(standard_deviation(array), len(array), confidence))
    return Interval(mean(array) - half, mean(array) + half)


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


def expanded_level(n: int, confidence: float = CONFIDENCE) -> float:
    """Level at which a bootstrap interval from n values is as wide as Student's t would have it.

    The bootstrap draws from a distribution whose variance is too small by (n - 1) / n, and takes quantiles of the
    normal distribution where those of t belong. Hesterberg 2015 ("expanded percentile interval") replaces
    the tail alpha by Phi(sqrt(n / (n - 1)) t_(alpha, n - 1)).

    Args:
        n: at least two.
        confidence: level that is wanted.
    """
    return 1 - 2 * float(stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 - confidence / 2, n - 1)))


def bootstrap_interval(values: ArrayLike, seed: int, confidence: float = CONFIDENCE) -> Interval:
    """BCa bootstrap interval of the mean (Efron 1987) at `expanded_level`; the mean twice if all values are equal.

    Args:
        values: shape (runs,), at least two.
        seed: of the resampling.
        confidence: level of the interval.
    """
    array = as_sample(values)
    if all_equal(array):
        return Interval(float(array[0]), float(array[0]))
    result = stats.bootstrap(
        (array,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=expanded_level(len(array), confidence),
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def mean_interval(values: ArrayLike, seed: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean: from `BOOTSTRAP_FROM` runs on all that BCa and t hold, the t interval alone below.

    With 10 values BCa is too short where tails are heavy (its skewness is then noise), and t where scores are squeezed
    against a ceiling (it has no skewness); what either of them holds covers 94% to 97% in both cases, which
    tests/statistics/test_coverage.py shows. If very few runs make most of the variance, such as one failure in ten,
    no interval from ten numbers can cover as it says.

    Args:
        values: shape (runs,), at least one.
        seed: of the resampling.
        confidence: level of the interval.
    """
    array = as_sample(values)
    student = t_interval(array, confidence)
    if len(array) < BOOTSTRAP_FROM:
        return student
    resampled = bootstrap_interval(array, seed, confidence)
    return Interval(min(student.low, resampled.low), max(student.high, resampled.high))


def summarise(values: ArrayLike, seed: int) -> Summary:
    """The summary of one cell over all its runs, failed ones included; sd and interval are nan for a single run.

    Args:
        values: shape (runs,), at least one.
        seed: of the resampling.
    """
    array = as_sample(values)
    interval = mean_interval(array, seed)
    return Summary(
        len(array), mean(array), standard_deviation(array), interquartile_mean(array), interval.low, interval.high
    )
