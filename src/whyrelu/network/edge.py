"""The weight variance at which gradients keep their size over the depth: the edge of chaos (Schoenholz et al. 2017).

A wide layer h = W phi(x), Var W = sigma_w^2 / fan_in, takes E[x^2] = q to V(q) = sigma_w^2 E[phi(sqrt(q) z)^2] and
multiplies squared gradients by chi_1(q) = sigma_w^2 E[phi'(sqrt(q) z)^2], z ~ N(0, 1).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from torch import nn

from whyrelu.errors import UserError
from whyrelu.network.moments import interpolated, second_moment, slope_second_moment
from whyrelu.network.quadrature import Array
from whyrelu.network.scalar import ScalarFunction, scalar_function

# Layers over which the gradient is to neither shrink nor grow.
LAYERS = 100
# sigma_w^2 is looked for among these; the sigmoid's is 99.
_CANDIDATES = np.geomspace(1e-3, 1e5, 321)
# Lengths are kept within what numbers can square; a sum of logarithms as small as this is zero.
_LENGTHS, _ZERO = (1e-100, 1e100), 1e-3


def _log_gradient(phi: ScalarFunction) -> Callable[[Array], Array]:
    """The sum of ln chi_1(q_l) over layers from q_1 = 1 on, without biases, as a function of sigma_w^2."""
    second, slope = interpolated(lambda q: second_moment(phi, q)), interpolated(lambda q: slope_second_moment(phi, q))

    def log_gradient(weight_variance: Array) -> Array:
        q, total = np.ones_like(weight_variance), np.zeros_like(weight_variance)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            for _ in range(LAYERS):
                total = total + np.log(weight_variance * slope(q))
                q = np.clip(weight_variance * second(q), *_LENGTHS)
        return total

    return log_gradient


@lru_cache(maxsize=16)
def edge_weight_variance(activation: nn.Module) -> float:
    """sigma_w^2 with which gradients neither shrink nor grow over 100 layers from q = 1 on; the smallest of several.

    For ReLU it is 2, which is He's, for tanh 1.27, for the sigmoid 99. An activation without one is a UserError.
    """
    log_gradient = _log_gradient(scalar_function(activation))
    sums = log_gradient(_CANDIDATES)
    for i in np.flatnonzero((sums[:-1] < 0) & (sums[1:] >= 0))[:1]:
        low, high = np.log(_CANDIDATES[i : i + 2]).tolist()
        root = float(np.exp(brentq(lambda x: float(log_gradient(np.exp(x))), low, high, xtol=1e-13)))
        # where lengths collapse on one side and explode on the other, the sum jumps
        if abs(float(log_gradient(np.asarray(root)))) < _ZERO:
            return root
    raise UserError(
        "init=edge needs a variance with which gradients neither shrink nor grow over 100 layers, and this activation "
        "has none: use init=variance, he or xavier"
    )
