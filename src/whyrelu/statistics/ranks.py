"""Rank correlation within strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyrelu.statistics.summaries import CONFIDENCE, RESAMPLES

_Values = NDArray[np.float64]
# Numbers of a portion of the resamples.
_CHUNK = 1 << 18


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
        ranks = stats.rankdata(x), stats.rankdata(y)
        observed += weight * float(_correlation(ranks[0][None], ranks[1][None])[0])
        order = rng.permuted(np.broadcast_to(np.arange(n), (RESAMPLES, n)), axis=1)
        drawn = rng.integers(n, size=(RESAMPLES, n))
        places = [stats.rankdata(values, method="dense").astype(np.intp) - 1 for values in (x, y)]
        parts = []
        # a portion of the resamples fits into the processor's cache
        for start in range(0, RESAMPLES, size := max(1, _CHUNK // n)):
            rows = slice(start, start + size)
            # what is permuted keeps its rank, what is drawn does not
            of_order = _correlation(np.broadcast_to(ranks[0], order[rows].shape), ranks[1][order[rows]])
            of_drawn = _correlation(*(_ranks(place[drawn[rows]]) for place in places))
            parts.append((of_order, of_drawn))
        of_orders, of_draws = (np.concatenate(part) for part in zip(*parts, strict=True))
        permuted = permuted + weight * of_orders
        resampled = resampled + weight * of_draws
    low, high = np.quantile(resampled, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    # round-off must not make the same arrangement look less extreme
    extreme = int(np.sum(np.abs(permuted) >= abs(observed) - 1e-12))
    return float(observed), float(low), float(high), (extreme + 1) / (RESAMPLES + 1)


def _ranks(places: NDArray[np.intp]) -> _Values:
    """Ranks from 1 within rows (rows, runs), ties having their mean, of numbers from 0 below a small multiple of runs.

    What `scipy.stats.rankdata` gives, by counting in place of sorting.
    """
    levels = int(places.max()) + 1
    rows = np.arange(len(places))[:, None]
    counts = np.bincount((places + levels * rows).ravel(), minlength=len(places) * levels).reshape(-1, levels)
    mean = np.cumsum(counts, axis=1) - (counts - 1) / 2
    return np.take_along_axis(mean, places, axis=1)


def _correlation(first: _Values, second: _Values) -> _Values:
    """Pearson's correlation of the rows of two arrays (rows, runs); 0 where one does not vary."""
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products: _Values = (a * b).sum(axis=1)
    return np.asarray(np.divide(products, scale, out=np.zeros_like(products), where=scale > 0))
