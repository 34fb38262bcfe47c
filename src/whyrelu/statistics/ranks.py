"""Rank correlation within strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyrelu.statistics.summaries import CONFIDENCE, RESAMPLES

_Values = NDArray[np.float64]


def stratified_spearman(
    strata: Sequence[tuple[_Values, _Values]], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Rank correlation within strata, weighted by their sizes; 95% percentile bootstrap interval, permutation p.

    A stratum whose second numbers are all equal has correlation 0: nothing rises there.

    Args:
        strata: pairs of arrays of shape (runs,), at least three runs each.
        rng: of permutations and resamples.

    Returns:
        correlation, ends of the interval, two-sided p.
    """
    sizes = np.array([len(x) for x, _ in strata], dtype=np.float64)
    weights = sizes / sizes.sum()
    observed = permuted = resampled = 0.0
    for weight, (x, y) in zip(weights, strata, strict=True):
        n = len(x)
        observed += weight * float(_rank_correlation(x[None], y[None])[0])
        order = rng.permuted(np.broadcast_to(np.arange(n), (RESAMPLES, n)), axis=1)
        permuted = permuted + weight * _rank_correlation(np.broadcast_to(x, order.shape), y[order])
        drawn = rng.integers(n, size=(RESAMPLES, n))
        resampled = resampled + weight * _rank_correlation(x[drawn], y[drawn])
    low, high = np.quantile(resampled, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    # round-off must not make the same arrangement look less extreme
    extreme = int(np.sum(np.abs(permuted) >= abs(observed) - 1e-12))
    return float(observed), float(low), float(high), (extreme + 1) / (RESAMPLES + 1)


def _rank_correlation(x: _Values, y: _Values) -> _Values:
    """Spearman's correlation of the rows of two arrays (rows, runs); 0 where one does not vary."""
    ranks = [stats.rankdata(values, axis=1) for values in (x, y)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products: _Values = (a * b).sum(axis=1)
    return np.asarray(np.divide(products, scale, out=np.zeros_like(products), where=scale > 0))
