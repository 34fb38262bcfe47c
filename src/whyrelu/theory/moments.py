"""Gaussian moments of one activation for recursions over many lengths: tabulated once, then interpolated."""

import numpy as np
from numpy.typing import ArrayLike

from whyrelu.network.moments import LOGARITHMS, Moment, interpolated, second_moment, slope_second_moment
from whyrelu.network.quadrature import Array, evaluate, gaussian_nodes
from whyrelu.network.scalar import ScalarFunction

# Hermite polynomials up to this degree; a kink has a little of its energy above.
_DEGREE = 64


def hermite_energies(phi: ScalarFunction, q: ArrayLike, degree: int) -> Array:
    """Squared coefficients of phi(sqrt(q) z) in normalised Hermite polynomials, degrees 0 to `degree`, as a last axis.

    By Mehler's formula E[phi(u1) phi(u2)] = sum of a_k^2 c^k (Daniely et al. 2016, 1602.05897): the correlation map
    for all c at once.
    """
    length = np.asarray(q, dtype=np.float64)
    x, weights = gaussian_nodes(length, phi.edges)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.nan_to_num(x / np.sqrt(length)[..., None])
    weighted = evaluate(phi.value, x) * weights
    previous, current = np.zeros_like(z), np.ones_like(z)
    energies = []
    for k in range(degree + 1):
        energies.append((weighted * current).sum(-1) ** 2)
        previous, current = current, (z * current - np.sqrt(k) * previous) / np.sqrt(k + 1)
    return np.stack(energies, axis=-1)


class Moments:
    """E[phi(x)^2], E[phi'(x)^2] and correlations of an activation for x ~ N(0, q), for arrays of lengths q.

    The two moments are interpolated to about 1e-6, and computed anew where they have no logarithm everywhere;
    correlations are good to about 1e-3.
    """

    def __init__(self, phi: ScalarFunction) -> None:
        self.phi = phi
        self.second: Moment = interpolated(lambda q: second_moment(phi, q))
        self.slope: Moment = interpolated(lambda q: slope_second_moment(phi, q))
        lengths = np.exp(LOGARITHMS)
        degrees = np.arange(_DEGREE + 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            energies, total = hermite_energies(phi, lengths, _DEGREE), second_moment(phi, lengths)
            rest = np.maximum(0.0, total - energies.sum(-1))
            # what a kink has above the last degree is taken to be of the one degree that makes the slope at c = 1 exact
            mean_degree = (lengths * slope_second_moment(phi, lengths) - energies @ degrees) / rest
            is_kinked = (rest > 1e-9 * total) & np.isfinite(mean_degree)
            last = np.where(is_kinked, np.clip(np.nan_to_num(mean_degree), _DEGREE + 1, 100 * _DEGREE), 2 * _DEGREE)
            self._shares = np.concatenate([energies, rest[:, None]], axis=1) / total[:, None]
        self._degrees = np.concatenate([np.broadcast_to(degrees, energies.shape), last[:, None]], axis=1)

    def difference(self, q: Array, difference: Array) -> Array:
        """E[phi(u)^2] - E[phi(u) phi(v)] for u, v of length q with q - E[u v] = `difference` in [0, q]; all (...)."""
        shares, degrees = self._spectrum(q)
        # 1 - c^k without cancellation
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = -np.expm1(degrees * np.log1p(-np.clip(difference / q, 0, 1))[..., None])
        lost[..., 0] = 0.0
        return np.asarray(self.second(q) * (shares * lost).sum(-1))

    def correlation(self, q: float, correlation: Array, centred: bool = False) -> Array:
        """E[phi(u) phi(v)] / E[phi(u)^2] for u, v of length q and correlation (...); of covariances if centred."""
        shares, degrees = self._spectrum(np.asarray(q))
        shares, degrees = (shares[1:], degrees[1:]) if centred else (shares, degrees)
        # the last degree need not be whole, and 0^0 is 1
        sign = np.where(degrees % 2 == 1, np.sign(correlation[..., None]), 1.0)
        powers = sign * np.abs(correlation[..., None]) ** degrees
        return np.asarray((shares * powers).sum(-1) / shares.sum())

    def _spectrum(self, q: Array) -> tuple[Array, Array]:
        """Shares of E[phi^2] for lengths (...), and the degrees that have them; both (..., degrees)."""
        step = LOGARITHMS[1] - LOGARITHMS[0]
        with np.errstate(divide="ignore"):
            place = ((np.log(q) - LOGARITHMS[0]) / step).clip(0, len(LOGARITHMS) - 1.000001)
        left = np.nan_to_num(place).astype(int)
        part = (place - left)[..., None]
        shares, degrees = ((1 - part) * t[left] + part * t[left + 1] for t in (self._shares, self._degrees))
        return shares, degrees
