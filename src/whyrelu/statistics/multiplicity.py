"""Correction of p for the number of tests in a family; SciPy has that of Benjamini and Hochberg only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(ps: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction (Holm 1979), which keeps the family-wise error rate whatever depends on what.

    Args:
        ps: shape (tests,); a nan is no test: it stays nan and does not count in the family.

    Returns:
        adjusted p, shape (tests,), at most 1.
    """
    values = np.asarray(ps, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    return adjusted
