"""Signals and gradients in wide random networks: h^l = W^l phi(h^(l-1)) + b^l.

Weights and biases are independent with Var W = sigma_w^2 / fan_in and Var b = sigma_b^2; `weight_variance` is sigma_w^2
and `bias_variance` sigma_b^2. Lengths q = E[h^2] are arrays of any shape, and so are the results. z ~ N(0, 1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from whyrelu.network.moments import second_moment, slope_second_moment
from whyrelu.network.quadrature import LIMIT, POINTS, Function, evaluate, gaussian_expectation, gaussian_nodes, legendre
from whyrelu.network.scalar import ScalarFunction

Array = NDArray[np.float64]

# Where fixed points are looked for.
_SMALLEST_LENGTH, _LARGEST_LENGTH = 1e-10, 1e6
# A map closer to the identity than this, relative to q, has no isolated fixed point there.
_IDENTITY = 1e-9


class FixedPoint(NamedTuple):
    """A length that the length map leaves as it is; stable if lengths nearby approach it."""

    q: float
    stable: bool


def _array(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def mean(phi: ScalarFunction, q: ArrayLike) -> Array:
    """E[phi(sqrt(q) z)], what batch normalisation subtracts (Yang et al. 2019)."""
    return gaussian_expectation(phi.value, q, phi.edges)


def length_map(phi: ScalarFunction, q: ArrayLike, weight_variance: ArrayLike, bias_variance: ArrayLike = 0.0) -> Array:
    """V(q) = sigma_w^2 E[phi(sqrt(q) z)^2] + sigma_b^2 (Poole et al. 2016): the length in the next layer."""
    return _array(weight_variance) * second_moment(phi, q) + _array(bias_variance)


def fixed_points(phi: ScalarFunction, weight_variance: float, bias_variance: float = 0.0) -> list[FixedPoint]:
    """Lengths with V(q) = q, ascending: 0 where V(0) = 0, and those from 1e-10 to 1e6 (Poole et al. 2016).

    Where V is the identity, as for ReLU with He's variance, every length is one, and none is returned but 0.
    """
    # an odd factor, so that no point of the grid is a likely fixed point such as 1
    grid = 0.9137 * np.geomspace(_SMALLEST_LENGTH, _LARGEST_LENGTH, 321)
    excess = (length_map(phi, grid, weight_variance, bias_variance) - grid) / grid
    excess[np.abs(excess) < _IDENTITY] = 0.0
    # where V touches the identity at 0, what comes first above it decides
    nonzero = excess[excess != 0]
    found: list[FixedPoint] = []
    if bias_variance == 0 and float(length_map(phi, 0.0, weight_variance)) == 0:
        found.append(FixedPoint(0.0, bool(len(nonzero) and nonzero[0] < 0)))

    def difference(log_q: float) -> float:
        q = np.exp(log_q)
        return float(length_map(phi, q, weight_variance, bias_variance) / q - 1)

    for i in np.flatnonzero(np.isfinite(excess[:-1] * excess[1:]) & (excess[:-1] * excess[1:] < 0)):
        q = float(np.exp(brentq(difference, np.log(grid[i]), np.log(grid[i + 1]), xtol=1e-13, rtol=1e-14)))
        found.append(FixedPoint(q, bool(excess[i] > 0)))
    return found


def chi_1(phi: ScalarFunction, q: ArrayLike, weight_variance: ArrayLike) -> Array:
    """What gradients are multiplied by per layer: sigma_w^2 E[phi'(sqrt(q) z)^2] (Poole et al. 2016).

    E norm(dL/dh^l)^2 = chi_1(q_l) E norm(dL/dh^(l+1))^2 (Schoenholz et al. 2017): gradients vanish below 1 and explode
    above.
    """
    return _array(weight_variance) * slope_second_moment(phi, q)


def correlation_map(
    phi: ScalarFunction,
    correlation: ArrayLike,
    q: ArrayLike,
    weight_variance: ArrayLike,
    bias_variance: ArrayLike = 0.0,
) -> Array:
    """Correlations: c' = (sigma_w^2 E[phi(u1) phi(u2)] + sigma_b^2) / V(q) (Poole et al. 2016).

    u1 and u2 are normal with variance q and correlation c; at a fixed point V(q) = q.

    Args:
        phi: the activation.
        correlation: c in [-1, 1], broadcast with the rest.
        q: length in this layer, the same for both inputs.
        weight_variance: sigma_w^2.
        bias_variance: sigma_b^2.
    """
    product = _correlated_expectation(phi.value, phi.edges, correlation, q)
    covariance = _array(weight_variance) * product + _array(bias_variance)
    return covariance / length_map(phi, q, weight_variance, bias_variance)


def correlation_slope(phi: ScalarFunction, correlation: ArrayLike, q: ArrayLike, weight_variance: ArrayLike) -> Array:
    """d(q' c') / d(q c) = sigma_w^2 E[phi'(u1) phi'(u2)], which is chi_1 at c = 1 (Schoenholz et al. 2017)."""
    return _array(weight_variance) * _correlated_expectation(phi.slope, phi.edges, correlation, q)


def correlation_fixed_point(phi: ScalarFunction, q: float, weight_variance: float, bias_variance: float = 0.0) -> float:
    """The correlation in [0, 1] that the map approaches: 1 unless chi_1 > 1 (Schoenholz et al. 2017)."""
    if float(chi_1(phi, q, weight_variance)) <= 1 + _IDENTITY:
        return 1.0

    def difference(c: float) -> float:
        return float(correlation_map(phi, c, q, weight_variance, bias_variance)) - c

    # in the chaotic phase c = 1 is unstable: just below it the map lies under the diagonal
    if difference(0.0) <= 0:
        return 0.0
    # near criticality the fixed point comes as near to 1 as chi_1 does
    end = next((c for c in 1 - np.geomspace(1e-6, 1e-13, 8) if difference(float(c)) < 0), 1.0)
    return float(brentq(difference, 0.0, float(end), xtol=1e-12)) if end < 1 else 1.0


def chi_batch_norm(phi: ScalarFunction) -> float:
    """E[phi'(z)^2] / Var[phi(z)]: chi_1 with batch normalisation before phi, large batches (Yang et al. 2019)."""
    variance = float(second_moment(phi, 1.0) - mean(phi, 1.0) ** 2)
    return float(slope_second_moment(phi, 1.0)) / variance if variance > 0 else float("nan")


def hermite_energies(phi: ScalarFunction, q: ArrayLike, degree: int) -> Array:
    """Squared coefficients of phi(sqrt(q) z) in normalised Hermite polynomials, degrees 0 to `degree`.

    By Mehler's formula E[phi(u1) phi(u2)] = sum of a_k^2 c^k (Daniely et al. 2016, 1602.05897): the correlation map
    for all c at once, less accurate than `correlation_map` where phi has kinks, whose coefficients fall slowly.

    Returns:
        the shape of q and one more axis, (..., degree + 1).
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


def depth_scale(chi: ArrayLike) -> Array:
    """Depth scale -1 / ln(chi_1), in layers (Schoenholz et al. 2017); inf at the edge of chaos, negative above it."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(np.asarray(chi) == 1, np.inf, -1 / np.log(chi)))


def roundoff_depth(chi: ArrayLike, eps: float) -> Array:
    """ln(eps) / ln(sqrt(chi_1)): layers after which differences between inputs are below round-off.

    The part of a signal that depends on the input shrinks by sqrt(chi_1) per layer (Schoenholz et al. 2017); where it
    reaches `eps` of the arithmetic, the output no longer depends on the input, whatever the learning rate. inf for
    chi_1 >= 1.
    """
    chi = np.asarray(chi, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(chi >= 1, np.inf, np.log(eps) / np.log(np.sqrt(np.minimum(chi, 1)))))


def matched_weight_variance(phi: ScalarFunction, q: float = 1.0, bias_variance: float = 0.0) -> float:
    """sigma_w^2 = (q - sigma_b^2) / E[phi(sqrt(q) z)^2], which makes q a fixed point: V(q) = q (Poole et al. 2016).

    Returns:
        2 for ReLU without biases, which is He's (He et al. 2015); inf or nan where the moment is zero or not finite,
        and nan where the biases alone exceed q.
    """
    if bias_variance > q:
        return float("nan")
    with np.errstate(divide="ignore"):
        return float((q - bias_variance) / second_moment(phi, q))


def edge_of_chaos(phi: ScalarFunction, bias_variance: float = 0.0) -> float:
    """sigma_w^2 with chi_1(q*) = 1 at its fixed point q*, given sigma_b^2 (Hayou et al. 2019, algorithm 1).

    On the edge sigma_w^2(q) = 1 / E[phi'^2] and sigma_b^2(q) = q - sigma_w^2 E[phi^2]; the smallest q that gives the
    wanted sigma_b^2 is found, or its limit 0.

    Raises:
        ValueError: there is none for q between 1e-10 and 1e6.
    """

    def excess(log_q: ArrayLike) -> Array:
        q = np.exp(log_q)
        return np.asarray(q - second_moment(phi, q) / slope_second_moment(phi, q) - bias_variance)

    grid = np.linspace(np.log(_SMALLEST_LENGTH), np.log(_LARGEST_LENGTH), 321)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = excess(grid)
    if bias_variance == 0 and abs(values[0]) <= 1e-6 * np.exp(grid[0]):
        # at vanishing lengths phi is linear (or, like ReLU, homogeneous)
        return float(1 / slope_second_moment(phi, np.exp(grid[0])))
    crossings = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
    if len(crossings) == 0:
        raise ValueError(f"no sigma_w puts this activation on the edge of chaos with sigma_b^2 = {bias_variance:g}")
    i = crossings[0]
    root = float(brentq(lambda x: float(excess(x)), grid[i], grid[i + 1], xtol=1e-14, rtol=1e-14))
    return float(1 / slope_second_moment(phi, np.exp(root)))


def sigmoid_as_tanh(weight_variance: float, bias_variance: float) -> tuple[float, float]:
    """sigma_w'^2 and sigma_b'^2 of the tanh net that is a given sigmoid net, preactivations halved.

    An identity, not an approximation, from sigmoid(h) = (1 + tanh(h / 2)) / 2. With h' = h / 2,
    h'^l = W^l / 4 tanh(h'^(l-1)) + (W^l 1 / 4 + b^l / 2), whose bias has variance sigma_w^2 / 16 + sigma_b^2 / 4. (The
    bias and the weights of a layer are not independent, which does not matter to the map of lengths: tanh is odd.)
    """
    return weight_variance / 16, weight_variance / 16 + bias_variance / 4


def _correlated_expectation(function: Function, edges: Array, correlation: ArrayLike, q: ArrayLike) -> Array:
    """E[f(u1) f(u2)] for normal u1, u2 of variance q and correlation c: one quadrature inside the other."""
    c, length = np.broadcast_arrays(np.asarray(correlation, dtype=np.float64), np.asarray(q, dtype=np.float64))
    results = [_pair(function, edges, float(ci), float(qi)) for ci, qi in zip(c.ravel(), length.ravel(), strict=True)]
    return np.array(results).reshape(c.shape)


def _pair(function: Function, edges: Array, c: float, q: float) -> float:
    scale = np.sqrt(q)
    if not np.isfinite(scale):
        return float("nan")
    inside = edges[np.abs(edges) < LIMIT * scale] / scale if scale > 0 else np.empty(0)
    c = float(np.clip(c, -1, 1))
    d = np.sqrt((1 - c) * (1 + c))
    # z1 outside, z2 | z1 inside: u2 = sqrt(q) (c z1 + d z2). An edge of f smears over d / c around its place in z1.
    outer = [np.linspace(-LIMIT, LIMIT, 13), inside]
    if d > 0 and abs(c) > 1e-3 and len(inside):
        width = d / abs(c)
        around = np.array([-8, -4, -2, -1, 0, 1, 2, 4, 8]) * width
        outer.append((inside[:, None] / c + around).ravel())
    borders = np.unique(np.concatenate(outer).clip(-LIMIT, LIMIT))
    points, weights = legendre(POINTS)
    half = np.diff(borders)[:, None] / 2
    z1 = ((borders[:-1] + borders[1:])[:, None] / 2 + half * points).ravel()
    w1 = (half * weights).ravel() * np.exp(-(z1**2) / 2) / np.sqrt(2 * np.pi)
    f1 = evaluate(function, scale * z1)
    if not np.isfinite(f1).all():
        return float("nan")
    if not f1.any():
        return 0.0
    if d == 0:
        return float((w1 * f1 * evaluate(function, np.sign(c) * scale * z1)).sum())
    # what cannot contribute need not be integrated
    kept = np.abs(w1 * f1) > 1e-16 * np.abs(w1 * f1).max()
    z1, w1, f1 = z1[kept], w1[kept], f1[kept]
    inner = np.linspace(-LIMIT, LIMIT, 7)
    # between -c z1 / d + edge / d the inner function is smooth
    shifted = ((inside[None, :] - c * z1[:, None]) / d).clip(-LIMIT, LIMIT)
    grid = np.sort(np.concatenate([np.broadcast_to(inner, (len(z1), len(inner))), shifted], axis=1), axis=1)
    half2 = np.diff(grid, axis=1)[..., None] / 2
    z2 = ((grid[:, :-1] + grid[:, 1:])[..., None] / 2 + half2 * points).reshape(len(z1), -1)
    w2 = (half2 * weights).reshape(len(z1), -1) * np.exp(-(z2**2) / 2) / np.sqrt(2 * np.pi)
    f2 = evaluate(function, scale * (c * z1[:, None] + d * z2))
    return float((w1 * f1 * (w2 * f2).sum(1)).sum())
