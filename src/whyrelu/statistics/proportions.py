"""Proportions of runs: how many of n failed, and whether that differs between two groups."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats

from whyrelu.statistics.summaries import CONFIDENCE, Interval


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
