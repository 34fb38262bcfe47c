"""Equality of two groups of runs within a margin, which a test that finds no difference does not show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from whyrelu.statistics.summaries import Interval
from whyrelu.statistics.welch import Combination, combine


class Equivalence(NamedTuple):
    """Two one-sided tests.

    Attributes:
        interval: of the difference of means, at level 1 - 2 alpha.
        p: the larger one of both tests.
        is_equivalent: whether it is below alpha, which is to say that the interval lies within the margin.
    """

    interval: Interval
    p: float
    is_equivalent: bool


def tost(first: ArrayLike, second: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided Welch tests (Schuirmann 1987): are the means less than a margin apart?

    Never equivalent if either group has a single run, for nothing is then known of its spread, nor if few runs are all
    the same: see `whyrelu.statistics.welch.Combination.p_above`.

    Args:
        first: shape (runs,).
        second: shape (runs of the other group,).
        margin: above 0, in the unit of the values.
        alpha: level of each test.
    """
    difference = combine((first, second), (1, -1))
    p = equivalence_p(difference, margin)
    _, low, high = difference.estimate(1 - 2 * alpha)
    return Equivalence(Interval(low, high), p, p < alpha)


def equivalence_p(difference: Combination, margin: float) -> float:
    """P of two one-sided tests: the larger one; nan without a standard error."""
    return float(np.max([difference.p_above(-margin), difference.p_below(margin)]))
