"""Resampling of large groups: arrangements and bootstrap samples drawn once for all comparisons of groups of a size.

With n runs per group a test by permutation and a bootstrap take thousands of times n random numbers, and a study has
many comparisons of groups of the same sizes. What is drawn does not depend on the values, so from `LARGE` runs on it is
shared: every comparison alone has the distribution it would have with draws of its own (each p and each interval is
that of a Monte Carlo test), only its Monte Carlo error is that of the others too. Draws belong to a size, so what is
computed for one comparison still does not depend on which others there are. Statistics are products of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyrelu.statistics.differences import Difference, Pair, summed

# Runs of both groups together from which on draws are shared; below them each comparison has its own, seeded by name.
LARGE = 64

# Bytes of what is drawn at once for a stratum; each of two caches holds 64 MiB at most.
_BLOCK = 1 << 20
_BLOCKS = 64


def is_large(*groups: NDArray[np.float64]) -> bool:
    """Whether groups, shapes (..., runs), have so many runs together that draws are shared."""
    return sum(int(group.shape[-1]) for group in groups) >= LARGE


def arrangement_sums(pairs: Sequence[Pair], resamples: int) -> Iterator[Difference]:
    """Differences of means and their variances when runs change groups within their stratum, summed over strata.

    Args:
        pairs: the two groups of each stratum, at least two runs each.
        resamples: arrangements; the one observed is not among them.

    Yields:
        difference and variance (with unequal variances), shapes (arrangements of a block,).
    """
    for rows, block in _blocks(pairs, resamples):
        parts = [
            _arranged(_arrangements(len(a), len(b), stratum, block, rows), a, b) for stratum, (a, b) in enumerate(pairs)
        ]
        yield summed(parts)


def observed_sums(pairs: Sequence[Pair]) -> Difference:
    """What `arrangement_sums` gives for the groups as they are, computed alike; shapes (1,)."""
    return summed([_arranged(_labels(len(a), len(b))[None], a, b) for a, b in pairs])


def bootstrap_superiorities(pairs: Sequence[Pair], resamples: int) -> NDArray[np.float64]:
    """Mean over strata of P(first > second), ties half, in bootstrap samples of every group.

    Args:
        pairs: the two groups of each stratum.
        resamples: bootstrap samples.

    Returns:
        shape (resamples,).
    """
    found = []
    for rows, block in _blocks(pairs, resamples):
        strata = [
            _superiorities(
                _counts(len(a), 2 * stratum, block, rows), _counts(len(b), 2 * stratum + 1, block, rows), a, b
            )
            for stratum, (a, b) in enumerate(pairs)
        ]
        found.append(np.mean(strata, axis=0))
    return np.concatenate(found)


def _blocks(pairs: Sequence[Pair], resamples: int) -> Iterator[tuple[int, int]]:
    """How many resamples are drawn at once, and the number of the block."""
    size = max(1, _BLOCK // max(len(a) + len(b) for a, b in pairs))
    for block, start in enumerate(range(0, resamples, size)):
        yield min(size, resamples - start), block


def _labels(n_first: int, n_second: int) -> NDArray[np.uint8]:
    return np.repeat(np.array([1, 0], dtype=np.uint8), [n_first, n_second])


@lru_cache(maxsize=_BLOCKS)
def _arrangements(n_first: int, n_second: int, stratum: int, block: int, rows: int) -> NDArray[np.uint8]:
    """Which runs are in the first group, 1 or 0: uniform over all arrangements. Shape (rows, runs of both)."""
    rng = np.random.default_rng([0, n_first, n_second, stratum, block])
    return rng.permuted(np.tile(_labels(n_first, n_second), (rows, 1)), axis=1)


@lru_cache(maxsize=_BLOCKS)
def _counts(runs: int, group: int, block: int, rows: int) -> NDArray[np.uint8]:
    """How often each run is in a bootstrap sample; shape (rows, runs)."""
    rng = np.random.default_rng([1, runs, group, block])
    places = rng.integers(runs, size=(rows, runs)) + runs * np.arange(rows)[:, None]
    # a run is drawn more than 255 times once in 10^500 samples
    return np.bincount(places.ravel(), minlength=rows * runs).reshape(rows, runs).astype(np.uint8)


def _arranged(is_first: NDArray[np.uint8], first: NDArray[np.float64], second: NDArray[np.float64]) -> Difference:
    """Difference of means and its variance for arrangements of both groups, (rows, runs); shapes (rows,).

    What `difference_and_variance` gives for each of them, up to rounding: sums instead of values, by one product.
    """
    values = np.concatenate([first, second])
    # sums of squares keep their digits if means are small
    values = values - values.mean()
    powers = np.stack([values, values**2], axis=1)
    sums = is_first.astype(np.float64) @ powers
    parts = []
    for size, (total, squares) in ((len(first), sums.T), (len(second), (powers.sum(axis=0) - sums).T)):
        mean = total / size
        parts.append((mean, np.maximum(squares - total * mean, 0) / (size - 1) / size))
    return parts[0][0] - parts[1][0], parts[0][1] + parts[1][1]


def _superiorities(
    first_counts: NDArray[np.uint8],
    second_counts: NDArray[np.uint8],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> NDArray[np.float64]:
    """P(first > second), ties half, of bootstrap samples given by counts, (rows, runs) each; shape (rows,)."""
    pairs = len(first) * len(second)
    # whole numbers up to 2^24 are exact in 4 bytes
    kind: Any = np.float32 if pairs < 1 << 24 else np.float64
    larger: Any = np.sign(first[:, None] - second[None, :]).astype(kind)
    sums = np.einsum("ij,ij->i", first_counts.astype(kind) @ larger, second_counts.astype(kind))
    return np.asarray(0.5 + sums.astype(np.float64) / pairs / 2, dtype=np.float64)
