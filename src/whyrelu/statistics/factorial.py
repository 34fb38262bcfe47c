"""A full factorial: which share of the variance belongs to which factor, interaction, and to the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whyrelu.statistics.summaries import CONFIDENCE

RESIDUAL = "residual"
_RESAMPLES = 1_999
# Numbers that resampling holds in memory at once.
_CHUNK = 2_000_000

_Values = NDArray[np.float64]


def variance_shares(
    table: pd.DataFrame,
    response: str,
    factors: Sequence[str],
    seed: int,
    confidence: float = CONFIDENCE,
    totals: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Shares of the total sum of squares in a balanced full factorial (Fisher 1925): eta squared of every term.

    A share is larger than the truth by what seeds alone would give it, (degrees of freedom of the term) times (residual
    share) / (degrees of freedom within cells); nothing is taken off here. The interval is a bootstrap of the runs
    within each cell: residuals, enlarged to have the variance of the runs, are drawn and added to the means, and the
    percentile interval is shifted by the bias that resampling adds (Davison and Hinkley 1997). So it is an interval of
    what the share is on average over studies of this size.

    Args:
        table: one row per run with `response` and `factors`; other columns are ignored.
        response: name of a column of numbers.
        factors: names of columns; each combination of their values has the same number of rows, at least two.
        seed: of the resampling.
        confidence: level of the intervals.
        totals: sums of terms, by a name for each, whose interval comes from the same resamples.

    Returns:
        columns term, share, low, high. Terms are factors and products such as "activation x norm", in the order of
        `factors`, small ones first, and `RESIDUAL`; their shares add up to 1. The totals come last.

    Raises:
        ValueError: the factorial is not full and balanced, or the response does not vary.
    """
    cells = _cells(table, response, factors)
    if np.ptp(cells) == 0:
        raise ValueError(f"{response} is the same in all rows")
    terms = [names for size in range(1, len(factors) + 1) for names in combinations(range(len(factors)), size)]
    names = [*(" x ".join(factors[i] for i in term) for term in terms), RESIDUAL]
    totals = totals or {}
    parts = np.array([[name in terms_of for name in names] for terms_of in totals.values()], dtype=np.float64)

    def with_totals(of_terms: _Values) -> _Values:
        return np.concatenate([of_terms, of_terms @ parts.reshape(len(totals), len(names)).T], axis=-1)

    shares = with_totals(_shares(cells[None], terms))[0]
    means, n = cells.mean(axis=-1, keepdims=True), cells.shape[-1]
    residuals = (cells - means) * math.sqrt(n / (n - 1))
    rng = np.random.default_rng(seed)
    drawn, size = [], max(1, _CHUNK // cells.size)
    for start in range(0, _RESAMPLES, size):
        count = min(size, _RESAMPLES - start)
        runs = rng.integers(n, size=(count, *cells.shape))
        drawn.append(with_totals(_shares(means + np.take_along_axis(residuals[None], runs, axis=-1), terms)))
    resampled = np.concatenate(drawn)
    bias = resampled.mean(axis=0) - shares
    low, high = np.quantile(resampled, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0) - bias
    return pd.DataFrame(
        {
            "term": [*names, *totals],
            "share": shares,
            "low": np.minimum(low, shares),
            "high": np.minimum(np.maximum(high, shares), 1.0),
        }
    )


def _cells(table: pd.DataFrame, response: str, factors: Sequence[str]) -> _Values:
    """The response in an array of one axis per factor, and a last one for the runs of a cell."""
    groups = table.groupby(list(factors), dropna=False)[response]
    counts = groups.count()
    levels = [table[name].nunique(dropna=False) for name in factors]
    if len(counts) != math.prod(levels) or counts.nunique() != 1 or counts.iloc[0] < 2:
        raise ValueError(f"expected a full factorial of {', '.join(factors)} with as many rows, at least 2, per cell")
    # groups are sorted by all factors, and runs stay in their order
    values = np.concatenate([group.to_numpy("float64") for _, group in groups])
    return values.reshape(*levels, -1)


def _shares(cells: _Values, terms: Sequence[tuple[int, ...]]) -> _Values:
    """Shares of all terms and of the residual, shape (resamples, terms + 1), of cells (resamples, levels ..., runs)."""
    axes = tuple(range(1, cells.ndim))
    means = cells.mean(axis=-1)
    total = ((cells - cells.mean(axis=axes, keepdims=True)) ** 2).sum(axis=axes)
    effects: dict[tuple[int, ...], _Values] = {(): means.mean(axis=axes[:-1], keepdims=True)}
    sums = []
    for term in terms:
        others = tuple(i + 1 for i in range(means.ndim - 1) if i not in term)
        effect = means.mean(axis=others, keepdims=True)
        for size in range(len(term)):
            for part in combinations(term, size):
                effect = effect - effects[part]
        effects[term] = effect
        weight = cells[0].size / effect[0].size
        sums.append(weight * (effect**2).sum(axis=axes[:-1]))
    within = ((cells - means[..., None]) ** 2).sum(axis=axes)
    # resamples of a cell that all are the same run may leave nothing to explain
    shares = np.stack([*sums, within], axis=-1) / np.where(total > 0, total, 1.0)[:, None]
    return np.asarray(shares, dtype=np.float64)
