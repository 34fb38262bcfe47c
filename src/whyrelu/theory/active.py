"""Where an activation has a slope to speak of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import bisect

from whyrelu.network.quadrature import Function

# How far to look, and with which steps: fine near zero, where activations bend.
_REACH = 1e4
_NEAR, _NEAR_POINTS, _FAR_POINTS = 40.0, 4001, 400
# Off the points where many functions have their kink.
_SHIFT = 1e-7
# Borders are exact to so many decimals, so that those at a kink come out as the kink.
_DECIMALS = 9


class ActiveSet(NamedTuple):
    """The set {x: abs(phi'(x)) > threshold}: its outermost ends, and its total length; nan if it is empty.

    An end is infinite where the set goes on at abs(x) = 10,000.
    """

    low: float
    high: float
    width: float


def active_set(slope: Function, threshold: float) -> ActiveSet:
    """Find the borders of the set by bisection between the points of a grid.

    Args:
        slope: phi', elementwise on float64 tensors.
        threshold: of abs(phi').
    """

    def excess(x: float) -> float:
        return float(slope(torch.tensor([x], dtype=torch.float64)).abs()) - threshold

    positive = np.concatenate([np.linspace(0, _NEAR, _NEAR_POINTS), np.geomspace(_NEAR, _REACH, _FAR_POINTS)[1:]])
    grid = np.concatenate([-positive[::-1], positive]) + _SHIFT
    above = (slope(torch.from_numpy(grid)).abs() > threshold).numpy()
    if not above.any():
        return ActiveSet(float("nan"), float("nan"), float("nan"))
    changes = np.flatnonzero(above[1:] != above[:-1])
    # + 0.0 makes 0 of -0
    borders = [round(float(bisect(excess, grid[i], grid[i + 1], xtol=1e-12)), _DECIMALS) + 0.0 for i in changes]
    borders = [*[float("-inf")] * bool(above[0]), *borders, *[float("inf")] * bool(above[-1])]
    return ActiveSet(borders[0], borders[-1], float(np.sum(borders[1::2]) - np.sum(borders[0::2])))
