"""From which slope on a unit counts as saturated."""

import torch

from whyrelu.network.quadrature import Function
from whyrelu.network.scalar import on_numbers, slope

# A unit is saturated where abs(phi') is at most this part of its maximum.
SATURATED = 0.05


def saturation_slope(activation: Function) -> float:
    """5% of the largest abs(phi') on [-12, 12], found on a grid that is refined around its maximum."""
    function = on_numbers(activation)
    # preactivations beyond 12 standard deviations do not occur
    low, high, maximum = -12.0, 12.0, 0.0
    for _ in range(4):
        x = torch.linspace(low, high, 4801, dtype=torch.float64)
        slopes = slope(function, x).abs().nan_to_num(0.0, posinf=0.0)
        best = int(slopes.argmax())
        maximum = max(maximum, float(slopes[best]))
        low, high = x[max(best - 1, 0)].item(), x[min(best + 1, len(x) - 1)].item()
    return SATURATED * maximum
