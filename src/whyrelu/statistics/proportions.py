"""Proportions of runs: how many of n failed, whether that differs between groups, and where one half is passed."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import isotonic_regression

from whyrelu.statistics.power import POWER
from whyrelu.statistics.summaries import CONFIDENCE, Estimate, Interval


def wilson_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927).

    Args:
        successes: how many of `n`.
        n: at least one.
        confidence: level of the interval.
    """
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


@cache
def barnard_p(first: int, n_first: int, second: int, n_second: int) -> float:
    """Two-sided p of equal proportions: Barnard's exact test with the pooled score statistic (Barnard 1947).

    Args:
        first: how many of `n_first`.
        n_first: at least one.
        second: how many of `n_second`.
        n_second: at least one.

    Returns:
        1 if it is none of all, or all of all.

    Raises:
        ValueError: more than there are.
    """
    if not (0 <= first <= n_first and 0 <= second <= n_second):
        raise ValueError(f"{first} of {n_first} and {second} of {n_second} are no proportions")
    if first + second in (0, n_first + n_second):
        return 1.0
    found = stats.barnard_exact([[first, second], [n_first - first, n_second - second]])
    # the search over the nuisance parameter can end a rounding above 1
    return float(np.minimum(found.pvalue, 1.0))


def upper_bound_of_none(n: int, confidence: float = CONFIDENCE) -> float:
    """Upper bound of a proportion of which n trials showed none: exact, about 3 / n (Hanley and Lippman-Hand 1983).

    Args:
        n: at least one.
        confidence: that the proportion is at most this.
    """
    return float(1 - (1 - confidence) ** (1 / n))


def difference_of_proportions(first: int, n_first: int, second: int, n_second: int) -> Estimate:
    """Difference of two proportions, first minus second, with its 95% interval: Newcombe 1998, method 10.

    The hybrid score interval stays sane where none or all of a group did, and needs no equal variances.

    Args:
        first: how many of `n_first`.
        n_first: at least one.
        second: how many of `n_second`.
        n_second: at least one.
    """
    shares = first / n_first, second / n_second
    ends = wilson_interval(first, n_first), wilson_interval(second, n_second)
    difference = shares[0] - shares[1]
    below = np.hypot(shares[0] - ends[0].low, ends[1].high - shares[1])
    above = np.hypot(ends[0].high - shares[0], shares[1] - ends[1].low)
    return Estimate(difference, difference - float(below), difference + float(above))


def seeds_to_tell(fraction: float, bound: float, most: int, power: float = POWER) -> int | None:
    """Runs with which Wilson's 95% interval of a proportion lies on its side of a bound with some power.

    Wilson's interval is what the score test does not reject (Wilson 1927), so it is above the bound if the score of the
    bound is.

    Args:
        fraction: the true proportion.
        bound: strictly between 0 and 1.
        most: None if it takes more, or if the proportion is the bound.
        power: probability of an interval on its side.
    """
    if fraction == bound:
        return None
    n = np.arange(1, most + 1)
    reach = stats.norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(n * bound * (1 - bound))
    if fraction > bound:
        reached = stats.binom.sf(np.floor(n * bound + reach), n, fraction)
    else:
        reached = stats.binom.cdf(np.ceil(n * bound - reach) - 1, n, fraction)
    enough = np.flatnonzero(reached >= power)
    return int(n[enough[0]]) if len(enough) else None


class Half(NamedTuple):
    """Where one half is passed.

    Attributes:
        position: interpolated; infinite if it never is, the first position if it is there already.
        above: the last position below one half, None if there is none.
        upto: the first position with at least one half, None if there is none.
    """

    position: float
    above: float | None
    upto: float | None


def half_position(successes: ArrayLike, n: ArrayLike, positions: ArrayLike) -> Half:
    """Where one half of the runs is reached, if shares never fall with the position (isotonic regression).

    Args:
        successes: how many of `n`, shape (positions,).
        n: at least one each, shape (positions,).
        positions: ascending and above 0, shape (positions,); interpolation is linear in their logarithm.
    """
    counts, weights = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    at = [float(position) for position in np.asarray(positions)]
    shares = isotonic_regression(counts / weights, weights=weights).x
    if shares[-1] < 0.5:
        return Half(float("inf"), at[-1], None)
    i = int(np.argmax(shares >= 0.5))
    # exactly, for exp(ln x) can differ from x
    if i == 0 or shares[i] == 0.5:
        return Half(at[i], at[i - 1] if i else None, at[i])
    part = (0.5 - shares[i - 1]) / (shares[i] - shares[i - 1])
    return Half(float(np.exp(np.interp(part, [0, 1], np.log(at[i - 1 : i + 1])))), at[i - 1], at[i])
