"""Means of groups that may differ in spread, combined linearly: Welch 1947, Satterthwaite 1946."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from whyrelu.statistics.samples import ROUNDING, as_sample, mean, standard_deviation
from whyrelu.statistics.summaries import CONFIDENCE, Estimate

_NAN = float("nan")


@dataclass(frozen=True)
class Combination:
    """A sum of weights times means of groups.

    Attributes:
        value: the sum.
        error: its standard error; nan if a group has a single run, 0 if no group varies.
        freedom: degrees of freedom of the error.
        scale: largest magnitude of its terms, to tell a difference from rounding.
        sizes: runs of each group.
    """

    value: float
    error: float
    freedom: float
    scale: float
    sizes: tuple[int, ...]

    @property
    def least_p(self) -> float:
        """One over the number of equally likely arrangements of the runs, or of their signs if there is one group."""
        if len(self.sizes) == 1:
            return 0.5 ** self.sizes[0]
        totals = itertools.accumulate(self.sizes)
        return 1 / math.prod(math.comb(total, size) for total, size in zip(totals, self.sizes, strict=True))

    def estimate(self, confidence: float = CONFIDENCE) -> Estimate:
        """The sum with its t interval; the sum twice where no group varies."""
        if not self.error > 0:
            end = self.value if self.error == 0 else _NAN
            return Estimate(self.value, end, end)
        half = float(stats.t.ppf(0.5 + confidence / 2, self.freedom)) * self.error
        return Estimate(self.value, self.value - half, self.value + half)

    def p(self, null: float = 0.0) -> float:
        """Two-sided p of the sum being `null`."""
        return min(2 * min(self.p_above(null), self.p_below(null)), 1.0) if not math.isnan(self.error) else _NAN

    def p_above(self, null: float) -> float:
        """One-sided p of the sum being at most `null`: small if it is above.

        Runs that are all the same do not show that the spread is zero, and with two of them it is often luck. p is then
        the smallest that an exact test by permutation (by sign flips for a single group) can have.
        """
        if self.error == 0:
            difference = self.value - null
            if abs(difference) <= ROUNDING * max(self.scale, abs(null)):
                return 0.5
            return self.least_p if difference > 0 else 1.0
        return float(stats.t.sf((self.value - null) / self.error, self.freedom))

    def p_below(self, null: float) -> float:
        """One-sided p of the sum being at least `null`: small if it is below."""
        turned = Combination(-self.value, self.error, self.freedom, self.scale, self.sizes)
        return turned.p_above(-null)


def combine(groups: Sequence[ArrayLike], weights: ArrayLike) -> Combination:
    """A weighted sum of the means of independent groups.

    Args:
        groups: one array of runs each, shapes (runs,).
        weights: shape (groups,).
    """
    samples, factors = [as_sample(group) for group in groups], np.asarray(weights, dtype=np.float64)
    terms = factors * [mean(sample) for sample in samples]
    sizes = [len(sample) for sample in samples]
    parts = factors**2 * [standard_deviation(sample) ** 2 / len(sample) for sample in samples]
    freedom = float(satterthwaite(parts, np.array(sizes) - 1)) if min(sizes) > 1 else _NAN
    return Combination(
        value=float(terms.sum()),
        error=float(np.sqrt(parts.sum())),
        freedom=freedom,
        scale=float(np.abs(terms).max()),
        sizes=tuple(sizes),
    )


def satterthwaite(parts: ArrayLike, freedoms: ArrayLike) -> NDArray[np.float64]:
    """Degrees of freedom of a variance that is a sum of parts; nan where they all are zero.

    Args:
        parts: shape (..., parts).
        freedoms: degrees of freedom of each part, a shape that broadcasts with that.

    Returns:
        shape (...).
    """
    variances = np.asarray(parts, dtype=np.float64)
    largest = variances.max(axis=-1, keepdims=True)
    # relative to the largest, for squares of tiny variances underflow
    shares = np.divide(variances, largest, out=np.full_like(variances, _NAN), where=largest > 0)
    return np.asarray(shares.sum(axis=-1) ** 2 / np.sum(shares**2 / np.asarray(freedoms), axis=-1), dtype=np.float64)


def trend(groups: Sequence[ArrayLike], positions: ArrayLike) -> Combination:
    """Slope of the least-squares line through the means of groups: a linear contrast of them.

    Args:
        groups: one array of runs each, shapes (runs,), at least two.
        positions: shape (groups,), not all the same.
    """
    at = np.asarray(positions, dtype=np.float64)
    centred = at - at.mean()
    return combine(groups, centred / np.sum(centred**2))


def welch_trend(
    groups: Sequence[ArrayLike], positions: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[Estimate, float]:
    """The slope of `trend` with its interval, and two-sided p of no slope; nan if a group has a single run."""
    slope = trend(groups, positions)
    return slope.estimate(confidence), slope.p()
