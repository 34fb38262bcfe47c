"""Gaussian moments of an activation, by quadrature, or tabulated once and then interpolated."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from whyrelu.network.quadrature import Array, gaussian_expectation
from whyrelu.network.scalar import ScalarFunction

Moment = Callable[[Array], Array]

# Ten lengths a decade, between which a cubic spline of logarithms is good to about 1e-6.
LOGARITHMS = np.linspace(np.log(1e-14), np.log(1e14), 281)


def second_moment(phi: ScalarFunction, q: ArrayLike) -> Array:
    """E[phi(sqrt(q) z)^2], z ~ N(0, 1), the integral in the length map (Poole et al. 2016)."""
    return gaussian_expectation(lambda x: phi.value(x).square(), q, phi.edges)


def slope_second_moment(phi: ScalarFunction, q: ArrayLike) -> Array:
    """E[phi'(sqrt(q) z)^2], z ~ N(0, 1), the integral in chi_1 (Poole et al. 2016)."""
    return gaussian_expectation(lambda x: phi.slope(x).square(), q, phi.edges)


def interpolated(moment: Moment) -> Moment:
    """A positive moment as the exponential of a spline over ln q, continued as a power law beyond its ends."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = np.log(moment(np.exp(LOGARITHMS)))
    if not np.isfinite(values).all():
        return moment
    # natural: no curvature at the ends, so that the continuation is smooth
    spline = CubicSpline(LOGARITHMS, values, bc_type="natural")
    derivative = spline.derivative()

    def interpolate(q: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            logarithm = np.log(q)
            nearest = logarithm.clip(LOGARITHMS[0], LOGARITHMS[-1])
            found = spline(nearest)
            if not np.array_equal(nearest, logarithm):
                found = found + derivative(nearest) * np.where(np.isfinite(logarithm), logarithm - nearest, 0.0)
            return np.asarray(np.exp(found))

    return interpolate
