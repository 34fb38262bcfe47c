"""How many seeds would settle what a few have left open."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from whyrelu.statistics.samples import as_sample, mean, standard_deviation
from whyrelu.statistics.welch import satterthwaite

POWER = 0.8


def seeds_needed(first: ArrayLike, second: ArrayLike, alpha: float, most: int, power: float = POWER) -> int | None:
    """Seeds per arm with which a two-sided Welch test finds the difference that was seen.

    Means and spreads are taken for the true ones. The power is that of the noncentral t distribution with Welch's
    degrees of freedom.

    Args:
        first: shape (runs,), two or more.
        second: shape (runs of the other group,), two or more.
        alpha: level of the test.
        most: None if it takes more, or if the means are the same.
        power: probability of finding it.
    """
    difference, spreads = _seen(first, second)
    if difference == 0:
        return None
    if max(spreads) == 0:
        return fewest_to_exchange(alpha)

    def reached(n: int) -> bool:
        error, freedom = _error(spreads, n)
        quantile = stats.t.ppf(1 - alpha / 2, freedom)
        # the other tail is never found by mistake as soon as there is power to speak of
        return bool(stats.nct.sf(quantile, freedom, min(difference / error, 1e3)) >= power)

    return _least(reached, most)


def seeds_for_equivalence(
    first: ArrayLike, second: ArrayLike, margin: float, alpha: float, most: int, power: float = POWER
) -> int | None:
    """Seeds per arm with which two one-sided Welch tests show equality.

    Means and spreads are taken for the true ones. The power is approximated by the central t distribution
    (Julious 2004).

    Args:
        first: shape (runs,), two or more.
        second: shape (runs of the other group,), two or more.
        margin: in the unit of the values.
        alpha: level of each test.
        most: None if it takes more, or if the means are not within the margin.
        power: probability of showing it.
    """
    difference, spreads = _seen(first, second)
    if difference >= margin:
        return None
    if max(spreads) == 0:
        return fewest_to_exchange(2 * alpha)

    def reached(n: int) -> bool:
        error, freedom = _error(spreads, n)
        quantile = stats.t.ppf(1 - alpha, freedom)
        ends = np.array([margin - difference, margin + difference]) / error - quantile
        return bool(stats.t.cdf(ends, freedom).sum() - 1 >= power)

    return _least(reached, most)


def seeds_for_non_inferiority(
    first: ArrayLike, second: ArrayLike, margin: float, alpha: float, most: int, power: float = POWER
) -> int | None:
    """Seeds per arm with which a one-sided Welch test shows that the first is no more than a margin below the second.

    Means and spreads are taken for the true ones.

    Args:
        first: shape (runs,), two or more.
        second: shape (runs of the other group,), two or more.
        margin: in the unit of the values.
        alpha: level of the test.
        most: None if it takes more, or if the mean of the first is further below.
        power: probability of showing it.
    """
    _, spreads = _seen(first, second)
    distance = mean(as_sample(first)) - mean(as_sample(second)) + margin
    if distance <= 0:
        return None
    if max(spreads) == 0:
        return fewest_to_exchange(2 * alpha)

    def reached(n: int) -> bool:
        error, freedom = _error(spreads, n)
        return bool(stats.nct.sf(stats.t.ppf(1 - alpha, freedom), freedom, min(distance / error, 1e3)) >= power)

    return _least(reached, most)


def fewest_to_exchange(level: float) -> int:
    """Runs per arm with which a permutation test can be significant: its smallest two-sided p is 2 / C(2n, n)."""
    n = 2
    while 2 / math.comb(2 * n, n) >= level:
        n += 1
    return n


def fewest_to_flip(level: float) -> int:
    """Runs with which a test of a single group by sign flips can be significant: its smallest p is 2 / 2^n."""
    n = 2
    while 2 / 2**n >= level:
        n += 1
    return n


def _seen(first: ArrayLike, second: ArrayLike) -> tuple[float, tuple[float, float]]:
    """Absolute difference of means, and both standard deviations."""
    a, b = as_sample(first), as_sample(second)
    return abs(mean(a) - mean(b)), (standard_deviation(a), standard_deviation(b))


def _error(spreads: tuple[float, float], n: int) -> tuple[float, float]:
    """Standard error of the difference with n runs per arm, and Welch's degrees of freedom."""
    shares = np.array(spreads) / max(spreads)
    return float(np.hypot(*spreads) / np.sqrt(n)), float(satterthwaite(shares**2, n - 1))


def _least(reached: Callable[[int], bool], most: int) -> int | None:
    """The least n from 2 on for which a condition holds, that holds for all larger ones too; None above `most`."""
    if not reached(most):
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
