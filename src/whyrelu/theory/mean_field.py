"""Signals and gradients in wide random networks: h^l = W^l phi(h^(l-1)) + b^l.

Weights and biases are independent with Var W = sigma_w^2 / fan_in and Var b = sigma_b^2; `weight_variance` is sigma_w^2
and `bias_variance` sigma_b^2. Lengths q = E[h^2] are arrays of any shape, and so are the results. z ~ N(0, 1).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from whyrelu.network.moments import second_moment, slope_second_moment
from whyrelu.network.quadrature import Array, gaussian_expectation
from whyrelu.network.scalar import ScalarFunction

# Where fixed points are looked for: an odd factor, so that no point of the grid is a likely fixed point such as 1.
_LENGTHS = 0.9137 * np.geomspace(1e-10, 1e6, 321)
# A map closer to the identity than this, relative to q, has no isolated fixed point there.
_IDENTITY = 1e-9


class FixedPoint(NamedTuple):
    """A length that the length map leaves as it is; stable if lengths nearby approach it."""

    q: float
    stable: bool


def length_map(phi: ScalarFunction, q: ArrayLike, weight_variance: float, bias_variance: float = 0.0) -> Array:
    """V(q) = sigma_w^2 E[phi(sqrt(q) z)^2] + sigma_b^2 (Poole et al. 2016): the length in the next layer."""
    return np.asarray(weight_variance * second_moment(phi, q) + bias_variance)


def chi_1(phi: ScalarFunction, q: ArrayLike, weight_variance: float) -> Array:
    """sigma_w^2 E[phi'(sqrt(q) z)^2], the slope of the correlation map at c = 1 (Poole et al. 2016).

    E norm(dL/dh^l)^2 = chi_1(q_l) E norm(dL/dh^(l+1))^2 (Schoenholz et al. 2017): gradients vanish below 1 and explode
    above.
    """
    return np.asarray(weight_variance * slope_second_moment(phi, q))


def fixed_points(phi: ScalarFunction, weight_variance: float, bias_variance: float = 0.0) -> list[FixedPoint]:
    """Lengths with V(q) = q, ascending: 0 where V(0) = 0, and those from 1e-10 to 1e6 (Poole et al. 2016).

    Where V is the identity, as for ReLU with He's variance, every length is one, and none is returned but 0.
    """

    def relative_growth(log_q: ArrayLike) -> Array:
        q = np.exp(log_q)
        return np.asarray(length_map(phi, q, weight_variance, bias_variance) / q - 1)

    grid = np.log(_LENGTHS)
    growth = relative_growth(grid)
    growth[np.abs(growth) < _IDENTITY] = 0.0
    # where V touches the identity at 0, what comes first above it decides
    nonzero = growth[growth != 0]
    found: list[FixedPoint] = []
    if bias_variance == 0 and float(length_map(phi, 0.0, weight_variance)) == 0:
        found.append(FixedPoint(0.0, bool(len(nonzero) and nonzero[0] < 0)))
    for i in np.flatnonzero(growth[:-1] * growth[1:] < 0):
        log_q = brentq(lambda x: float(relative_growth(x)), grid[i], grid[i + 1], xtol=1e-13, rtol=1e-14)
        found.append(FixedPoint(float(np.exp(log_q)), bool(growth[i] > 0)))
    return found


def chi_batch_norm(phi: ScalarFunction) -> float:
    """E[phi'(z)^2] / Var[phi(z)]: chi_1 with batch normalisation before phi, large batches (Yang et al. 2019)."""
    variance = float(second_moment(phi, 1.0) - gaussian_expectation(phi.value, 1.0, phi.edges) ** 2)
    return float(slope_second_moment(phi, 1.0)) / variance if variance > 0 else float("nan")


def depth_scale(chi: Array) -> float:
    """-1 / mean ln chi_1 over layers (Schoenholz et al. 2017); negative where gradients explode, nan of none."""
    if len(chi) == 0:
        return float("nan")
    rate = float(np.log(chi).mean())
    return -1 / rate if rate else float("inf")
