"""A run's diagnostics in a few numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyrelu.diagnostics.callback import COLUMNS, Findings


def summary(findings: Findings, epochs: int) -> dict[str, float]:
    """Return `whyrelu.results.columns.SUMMARY_COLUMNS` of one run; nan where a number is not defined.

    Args:
        findings: of the run.
        epochs: that the run took; what was not looked at after the last of them has no numbers for its end.
    """
    end = findings.layers[-1] if findings.epochs[-1] == epochs else np.full_like(findings.layers[-1], np.nan)
    first, last = (dict(zip(COLUMNS, layers.T, strict=True)) for layers in (findings.layers[0], end))
    return {
        "gradient_decades_init": decades_lost(first["gradient"]),
        "gradient_decades_end": decades_lost(last["gradient"]),
        "gradient_slope_init": log_slope(first["gradient"]),
        "saturated_init": float(first["saturated"].mean()),
        "saturated_end": float(last["saturated"].mean()),
        "dead_init": float(first["dead"].mean()),
        "dead_end": float(last["dead"].mean()),
        "collapse_init": float(first["collapse"][-1]),
        "collapse_end": float(last["collapse"][-1]),
    }


def decades_lost(profile: NDArray[np.float64]) -> float:
    """log10 of the last layer's gradient over the first's: how many powers of ten are lost on the way back.

    Args:
        profile: (layers,) gradient norms, layer 1 first.

    Returns:
        nan if one of them is zero (underflow) or not finite.
    """
    ends = profile[[0, -1]]
    return float(np.log10(ends[1] / ends[0])) if np.all(np.isfinite(ends) & (ends > 0)) else float("nan")


def log_slope(profile: NDArray[np.float64]) -> float:
    """Least-squares slope of ln(gradient norm) over the layer index, per layer; nan below two layers.

    Args:
        profile: (layers,) gradient norms, layer 1 first.
    """
    if len(profile) < 2 or not np.all(np.isfinite(profile) & (profile > 0)):
        return float("nan")
    return float(np.polyfit(np.arange(len(profile)), np.log(profile), 1)[0])
