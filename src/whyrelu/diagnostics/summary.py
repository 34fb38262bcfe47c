"""A run's diagnostics in a few numbers."""

import math

import numpy as np
from numpy.typing import NDArray

from whyrelu.diagnostics.callback import COLUMNS, Findings

# A gradient that is exactly 0 counts, as one of the smallest double: log10 of that, because tables hold no -inf.
ALL_LOST = -324.0


def summary(findings: Findings) -> dict[str, float]:
    """Return `whyrelu.results.columns.SUMMARY_COLUMNS` of one run; nan where a number is not defined."""
    first, last = (dict(zip(COLUMNS, findings.layers[k].T, strict=True)) for k in (0, -1))
    return {
        "gradient_decades_init": gradient_decades(first["gradient"]),
        "gradient_slope_init": log_slope(first["gradient"]),
        "saturated_init": float(first["saturated"].mean()),
        "saturated_end": float(last["saturated"].mean()),
        "dead_init": float(first["dead"].mean()),
        "dead_end": float(last["dead"].mean()),
        "collapse_init": float(first["collapse"][-1]),
        "collapse_end": float(last["collapse"][-1]),
        "update_first": findings.update_first,
    }


def gradient_decades(profile: NDArray[np.float64]) -> float:
    """log10 of the first layer's gradient norm over the last's, of (layers,): negative where it is lost on the way."""
    first, last = profile[[0, -1]]
    if first == 0:
        return ALL_LOST
    return float(np.log10(first / last)) if math.isfinite(first) and 0 < last < math.inf else math.nan


def log_slope(profile: NDArray[np.float64]) -> float:
    """Least-squares slope of ln(gradient norm) over the layers, of (layers,); nan below two layers, and with zeros."""
    if len(profile) < 2 or not np.all(np.isfinite(profile) & (profile > 0)):
        return math.nan
    return float(np.polyfit(np.arange(len(profile)), np.log(profile), 1)[0])
