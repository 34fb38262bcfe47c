"""Equality of two groups of runs within a margin, which a test that finds no difference does not show."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike
from scipy import stats

from whyrelu.statistics.contrasts import mean_difference
from whyrelu.statistics.samples import all_equal, as_sample, mean, standard_deviation
from whyrelu.statistics.summaries import Interval


class Equivalence(NamedTuple):
    """Two one-sided tests.

    Attributes:
        interval: of the difference of means, at level 1 - 2 alpha.
        p: the larger one of both tests.
        is_equivalent: whether the interval lies within the margin.
    """

    interval: Interval
    p: float
    is_equivalent: bool


def tost(first: ArrayLike, second: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided Welch tests (Schuirmann 1987): are the means less than a margin apart?

    Never equivalent if either group has a single run, for nothing is then known of its spread.

    Args:
        first: shape (runs,).
        second: shape (runs of the other group,).
        margin: above 0, in the unit of the values.
        alpha: level of each test.
    """
    a, b = as_sample(first), as_sample(second)
    _, low, high = mean_difference(a, b, 1 - 2 * alpha)
    is_equivalent = -margin < low and high < margin
    if min(len(a), len(b)) < 2:
        p = float("nan")
    elif all_equal(a) and all_equal(b):
        p = 0.0 if is_equivalent else 1.0
    else:
        # from moments: a group that does not vary would get the spread of round-off by being shifted
        means, spreads = (mean(a), mean(b)), (standard_deviation(a), standard_deviation(b))
        above = stats.ttest_ind_from_stats(
            means[0] + margin, spreads[0], len(a), means[1], spreads[1], len(b), equal_var=False, alternative="greater"
        )
        below = stats.ttest_ind_from_stats(
            means[0] - margin, spreads[0], len(a), means[1], spreads[1], len(b), equal_var=False, alternative="less"
        )
        p = float(max(above.pvalue, below.pvalue))
    return Equivalence(Interval(low, high), p, is_equivalent)
