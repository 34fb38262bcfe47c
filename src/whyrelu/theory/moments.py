"""Gaussian moments of one activation for recursions over many lengths: tabulated once, then interpolated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyrelu.network.moments import LOGARITHMS, Moment, interpolated, second_moment, slope_second_moment
from whyrelu.network.scalar import ScalarFunction
from whyrelu.theory.mean_field import hermite_energies

Array = NDArray[np.float64]
# Hermite polynomials up to this degree; a kink has a little of its energy above.
_DEGREE = 64


class Moments:
    """E[phi(x)^2], E[phi'(x)^2] and the Hermite energies of an activation for x ~ N(0, q), for arrays of lengths q.

    The two moments are interpolated to about 1e-6, and computed anew where they have no logarithm everywhere; the
    energies, which serve correlations, to about 1e-3.

    Args:
        phi: the activation.
    """

    def __init__(self, phi: ScalarFunction) -> None:
        self.phi = phi
        self.second: Moment = interpolated(lambda q: second_moment(phi, q))
        self.slope: Moment = interpolated(lambda q: slope_second_moment(phi, q))
        lengths = np.exp(LOGARITHMS)
        energies = hermite_energies(phi, lengths, _DEGREE)
        total = second_moment(phi, lengths)
        rest = np.maximum(0.0, total - energies.sum(-1))
        # what a kink has above the last degree is taken to be of the one degree that makes the slope at c = 1 exact
        degrees = np.arange(_DEGREE + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean_degree = (lengths * slope_second_moment(phi, lengths) - energies @ degrees) / rest
        is_kinked = (rest > 1e-9 * total) & np.isfinite(mean_degree)
        last = np.where(is_kinked, np.clip(np.nan_to_num(mean_degree), _DEGREE + 1, 100 * _DEGREE), 2 * _DEGREE)
        self._energies = np.concatenate([energies, rest[:, None]], axis=1) / lengths[:, None]
        self._degrees = np.concatenate([np.broadcast_to(degrees, energies.shape), last[:, None]], axis=1)

    def energies(self, q: Array) -> tuple[Array, Array]:
        """Hermite energies for lengths (...), and their degrees; both (..., degrees)."""
        step = LOGARITHMS[1] - LOGARITHMS[0]
        place = ((np.log(q) - LOGARITHMS[0]) / step).clip(0, len(LOGARITHMS) - 1.000001)
        left = np.where(np.isfinite(place), place, 0).astype(int)
        part = (place - left)[..., None]
        found, degrees = ((1 - part) * t[left] + part * t[left + 1] for t in (self._energies, self._degrees))
        return np.asarray(q)[..., None] * found, degrees

    def difference(self, q: Array, difference: Array) -> Array:
        """E[phi(u)^2] - E[phi(u) phi(v)] for u, v of length q with q - E[u v] = `difference` in [0, q]; all (...)."""
        energies, degrees = self.energies(q)
        # 1 - c^k without cancellation
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = -np.expm1(degrees * np.log1p(-np.clip(difference / q, 0, 1))[..., None])
        lost[..., 0] = 0.0
        return np.asarray((energies * lost).sum(-1))

    def correlation(self, q: float, correlation: Array, centred: bool = False) -> Array:
        """E[phi(u) phi(v)] / E[phi(u)^2] for u, v of length q and correlation (...); of covariances if centred."""
        energies, degrees = self.energies(np.asarray(q))
        energies, degrees = (energies[1:], degrees[1:]) if centred else (energies, degrees)
        # the last degree need not be whole, and 0^0 is 1
        sign = np.where(degrees % 2 == 1, np.sign(correlation[..., None]), 1.0)
        powers = sign * np.abs(correlation[..., None]) ** degrees
        return np.asarray((energies * powers).sum(-1) / energies.sum())
