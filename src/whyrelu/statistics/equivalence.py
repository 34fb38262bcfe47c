"""Equality within a margin, of groups or within pairs of runs, which a test that finds no difference does not show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from whyrelu.statistics.samples import as_sample
from whyrelu.statistics.summaries import Interval
from whyrelu.statistics.welch import Combination, combine

# Of accuracy, as a fraction of 1: within it two count as equal, as in the claims of a study.
MARGIN = 0.005
EQUAL, DIFFERENT, OPEN = "equal", "different", "open"


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


class PairedDifference(NamedTuple):
    """A mean difference within pairs.

    Attributes:
        value: the mean of first minus second.
        low: end of its 95% interval by Student's t, nan for a single pair.
        high: the other end.
        outcome: "equal", "different" or "open".
    """

    value: float
    low: float
    high: float
    outcome: str


def paired_difference(
    first: ArrayLike, second: ArrayLike, margin: float = MARGIN, alpha: float = 0.05
) -> PairedDifference:
    """Compare pairs, which are equal if a test of equivalence (TOST) says so, else different if a t test does.

    A few pairs whose differences are all the same show neither: see `whyrelu.statistics.welch.Combination.p_above`.

    Args:
        first: shape (pairs,), at least one.
        second: shape (pairs,), in the same order.
        margin: above 0, in the unit of the values.
        alpha: level of each test.
    """
    mean = combine([np.subtract(as_sample(first), as_sample(second))], [1.0])
    value, low, high = mean.estimate()
    # without a spread, which one pair has not, both p are nan and settle nothing
    outcome = EQUAL if equivalence_p(mean, margin) < alpha else DIFFERENT if mean.p() < alpha else OPEN
    return PairedDifference(value, low, high, outcome)
