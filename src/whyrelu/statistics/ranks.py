"""Ranks: areas under ROC curves, and rank correlations with their intervals."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from whyrelu.statistics.intervals import BOOTSTRAP_FROM, Estimate

RESAMPLES = 4_000


def area_under_curve(
    score: ArrayLike, positive: ArrayLike, clusters: ArrayLike, other: ArrayLike | None = None
) -> Estimate:
    """P(a positive scores higher than a negative), ties counting half, with a bootstrap interval over clusters.

    Args:
        score: (runs,).
        positive: (runs,) booleans, some of each.
        clusters: (runs,) labels; runs of one label are alike, and drawn together. The ends are nan below 8.
        other: (runs,) a second score: the estimate is the first area minus the second, on the same draws.
    """
    is_positive = np.asarray(positive, dtype=bool)
    labels, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    member = np.eye(len(labels))[cluster]
    positives, negatives = member[is_positive], member[~is_positive]
    wins = _wins(np.asarray(score, dtype=np.float64), is_positive)
    if other is not None:
        wins -= _wins(np.asarray(other, dtype=np.float64), is_positive)
    # won pairs, and all pairs, of each two clusters
    won, pairs = positives.T @ wins @ negatives, np.outer(positives.sum(axis=0), negatives.sum(axis=0))
    estimate = float(won.sum() / pairs.sum())
    if len(labels) < BOOTSTRAP_FROM:
        return Estimate(estimate, math.nan, math.nan)
    draws = np.random.default_rng(0).multinomial(len(labels), np.full(len(labels), 1 / len(labels)), RESAMPLES)
    totals = np.sum(draws @ pairs * draws, axis=1)
    kept = totals > 0
    areas = np.sum(draws @ won * draws, axis=1)[kept] / totals[kept]
    low, high = np.quantile(areas, [0.025, 0.975])
    return Estimate(estimate, min(float(low), estimate), max(float(high), estimate))


def _wins(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1 where a positive scores higher than a negative, 1/2 where alike; (positives, negatives)."""
    return np.asarray((np.sign(score[positive][:, None] - score[~positive]) + 1) / 2)


def somers_d(x: Sequence[float], positive: Sequence[ArrayLike]) -> Estimate:
    """Somers' D (1962) of a yes or no on x, with a bootstrap interval over the runs within each group.

    Of two runs with different x, the share in which the one with the larger x is alone in being positive, minus the
    share in which the other one is; what `scipy.stats.somersd` gives, and 0 where all runs are alike.

    Args:
        x: of each group, not all the same.
        positive: of each group the (runs,) booleans.
    """
    values = np.asarray(x, dtype=np.float64)
    groups = [np.asarray(group, dtype=np.float64) for group in positive]
    sizes = np.array([len(group) for group in groups])
    # of groups i, j: their pairs of runs, negative where i has the larger x
    pairs = np.triu(np.outer(sizes, sizes) * np.sign(values - values[:, None]))
    shares = np.array([group.mean() for group in groups])
    drawn = np.random.default_rng(0).binomial(sizes, shares, (RESAMPLES, len(sizes))) / sizes
    # the first is that of the runs themselves
    found = np.vstack([shares, drawn])
    rises = found[:, None, :] - found[:, :, None]
    d = np.sum(pairs * rises, axis=(1, 2)) / np.abs(pairs).sum()
    low, high = np.quantile(d[1:], [0.025, 0.975])
    return Estimate(float(d[0]), float(min(low, d[0])), float(max(high, d[0])))


def spearman(x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Spearman's rank correlation within groups, whose ranks are centred; both of shape (runs,).

    The interval is Fisher's with the variance of Bonett and Wright (2000), and nan below four degrees of freedom. A
    perfect order has the interval of the one that is nearest to it. All three are nan where x or y does not vary.
    """
    labels = np.zeros(np.shape(x)) if groups is None else np.asarray(groups)
    first, second = (_centred_ranks(values, labels) for values in (x, y))
    scale = math.sqrt(float(first @ first) * float(second @ second))
    if scale == 0:
        return Estimate(math.nan, math.nan, math.nan)
    estimate = float(np.clip(first @ second / scale, -1, 1))
    freedom = len(first) - len(np.unique(labels)) + 1
    if freedom < 4:
        return Estimate(estimate, math.nan, math.nan)
    most = 1 - 12 / (freedom**3 - freedom)
    z = math.atanh(min(max(estimate, -most), most))
    half_width = stats.norm.ppf(0.975) * math.sqrt((1 + estimate**2 / 2) / (freedom - 3))
    low, high = math.tanh(z - half_width), math.tanh(z + half_width)
    return Estimate(estimate, min(low, estimate), max(high, estimate))


def _centred_ranks(values: ArrayLike, groups: NDArray[Any]) -> NDArray[np.float64]:
    ranks = pd.Series(np.asarray(values, dtype=np.float64)).groupby(groups).rank()
    return (ranks - ranks.groupby(groups).transform("mean")).to_numpy()
