"""Tests of paired runs, and Holm's correction of p."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from whyrelu.statistics.intervals import BOOTSTRAP_FROM, RESAMPLES


def paired_p(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sided p of no difference within pairs, both of shape (pairs,); nan for a single pair.

    A sign-flip permutation test from 8 pairs on, exact up to 13; Student's paired t below. Differences that are all the
    same have no spread that t could use, so signs are flipped there too. Without any difference p is 1.
    """
    differences = np.subtract(a, b, dtype=np.float64)
    if len(differences) < 2:
        return math.nan
    if not differences.any():
        return 1.0
    if len(differences) < BOOTSTRAP_FROM and not np.allclose(differences, differences[0]):
        return float(stats.ttest_1samp(differences, 0).pvalue)
    return float(
        stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, rng=np.random.default_rng(0)
        ).pvalue
    )


def superiority(a: ArrayLike, b: ArrayLike) -> float:
    """P(A > B) + P(A = B) / 2 within pairs."""
    return float((np.sign(np.subtract(a, b)).mean() + 1) / 2)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """P of shape (tests,) adjusted by Holm (1979), at most 1; a nan is no test, stays nan and does not count."""
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, math.nan)
    order = np.argsort(values)[: np.sum(~np.isnan(values))]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    return adjusted
