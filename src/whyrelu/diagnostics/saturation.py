"""From which slope on a unit counts as saturated."""

from __future__ import annotations

from typing import NamedTuple

import torch

from whyrelu.network.quadrature import Function
from whyrelu.network.scalar import on_numbers, slope

# A unit is saturated where abs(phi') is at most this part of its maximum.
SATURATED = 0.05
# Where the largest slope is looked for: preactivations beyond 12 standard deviations do not occur.
_SLOPE_RANGE = 12.0
_SLOPE_POINTS = 4801


class SlopeScale(NamedTuple):
    """The largest abs(phi'), and the slope up to which a unit counts as saturated."""

    maximum: float
    threshold: float


def slope_scale(activation: Function) -> SlopeScale:
    """Return the largest abs(phi') on [-12, 12], on a grid that is refined around its maximum, and 5% of it."""
    function = on_numbers(activation)
    low, high = -_SLOPE_RANGE, _SLOPE_RANGE
    maximum = 0.0
    for _ in range(4):
        x = torch.linspace(low, high, _SLOPE_POINTS, dtype=torch.float64)
        slopes = slope(function, x).abs().nan_to_num(0.0, posinf=0.0)
        best = int(slopes.argmax())
        maximum = max(maximum, float(slopes[best]))
        step = (high - low) / (_SLOPE_POINTS - 1)
        low, high = float(x[best]) - step, float(x[best]) + step
    return SlopeScale(maximum, SATURATED * maximum)
