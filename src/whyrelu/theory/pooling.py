"""What a 2x2 max pooling does to signals and gradients: it prefers large outputs, whose slopes are not the average.

The pooling itself hands every gradient to one of four pixels, which keeps its square. But that pixel is the winner of
its window, and the slope of a winner is not that of any pixel: of four relu units one is nearly always alive. So the
moments behind a pooling are those of the largest of four outputs. Preactivations of neighbouring pixels are normal and
correlated (Novak et al. 2019, 1810.05148, follow the same covariances); nothing in closed form is known of their
maximum, and its moments are taken over a fixed set of quasi-random points, to about 1e-2.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch.quasirandom import SobolEngine

from whyrelu.network.quadrature import evaluate
from whyrelu.network.scalar import ScalarFunction

Array = NDArray[np.float64]

_WINDOW = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
_POINTS = 4096


class MaxPooling(NamedTuple):
    """The maximum M of a window of outputs a = phi(h).

    Attributes:
        energy: E[M^2] / E[a^2].
        slope: E[phi'(h)^2] of the winner, relative to that of any pixel.
        difference: E[(M - M')^2] / E[(a - a')^2] between two images.
        mean: E[M].
        products: E[M M'] of two windows by their offset, (2 r + 1, 2 r + 1), r = (R - 1) // 2; E[M^2] in the centre.
    """

    energy: float
    slope: float
    difference: float
    mean: float
    products: Array


def max_pooling(phi: ScalarFunction, q: float, spatial: Array, share: float) -> MaxPooling:
    """The moments of a 2x2 max pooling with stride 2.

    Args:
        phi: the activation.
        q: E[h^2].
        spatial: correlation between h of two pixels by their offset, (2 R + 1, 2 R + 1), R >= 1; 1 in the centre.
        share: 1 - correlation between h of two images at one pixel.

    Returns:
        all nan where the signal has overflowed before.
    """
    if not (np.isfinite(q) and np.isfinite(share) and np.isfinite(spatial).all()):
        side = 2 * ((len(spatial) // 2 - 1) // 2) + 1
        return MaxPooling(np.nan, np.nan, np.nan, np.nan, np.full((side, side), np.nan))
    normals = _normals()
    scale = np.sqrt(q)
    here = scale * normals[:, :4] @ _factor(_covariance(_WINDOW, spatial)).T
    outputs = evaluate(phi.value, here)
    slopes = evaluate(phi.slope, here) ** 2
    winner = outputs.argmax(1)[:, None]
    largest = outputs.max(1)
    # another image: the same as far as the images are correlated
    fresh = scale * normals[:, 4:] @ _factor(_covariance(_WINDOW, spatial)).T
    share = float(np.clip(share, 0, 1))
    others = evaluate(phi.value, (1 - share) * here + np.sqrt(share * (2 - share)) * fresh)
    return MaxPooling(
        energy=_ratio((largest**2).mean(), (outputs**2).mean()),
        slope=_ratio(np.take_along_axis(slopes, winner, 1).mean(), slopes.mean()),
        difference=_ratio(((largest - others.max(1)) ** 2).mean(), ((outputs - others) ** 2).mean()),
        mean=float(largest.mean()),
        products=_products(phi, scale, spatial, float((largest**2).mean())),
    )


def _products(phi: ScalarFunction, scale: float, spatial: Array, energy: float) -> Array:
    """E[M M'] by the offset of the windows, as far as the offsets of pixels go."""
    radius = (len(spatial) // 2 - 1) // 2
    products = np.full((2 * radius + 1, 2 * radius + 1), energy)
    for dy in range(radius + 1):
        for dx in range(-radius, radius + 1):
            if (dy, dx) <= (0, 0):
                continue
            places = np.concatenate([_WINDOW, _WINDOW + np.array([2 * dy, 2 * dx])])
            outputs = evaluate(phi.value, scale * _normals() @ _factor(_covariance(places, spatial)).T)
            product = float((outputs[:, :4].max(1) * outputs[:, 4:].max(1)).mean())
            # an offset and its opposite are the same pair
            products[radius + dy, radius + dx] = products[radius - dy, radius - dx] = product
    return products


@cache
def _normals() -> Array:
    """Quasi-random normal variables, (points, 8): two windows."""
    sobol = SobolEngine(2 * len(_WINDOW), scramble=True, seed=0)  # type: ignore[no-untyped-call]
    return np.asarray(ndtri(sobol.draw(_POINTS, dtype=torch.float64).numpy()))


def _covariance(places: NDArray[np.int64], spatial: Array) -> Array:
    """Correlations between pixels at these places, (n, 2), by their offsets; (n, n)."""
    offsets = places[:, None] - places[None, :] + len(spatial) // 2
    return np.asarray(spatial[offsets[..., 0], offsets[..., 1]])


def _factor(covariance: Array) -> Array:
    """A with A A^T = covariance; what round-off and averages over the map make negative is taken as 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _ratio(pooled: float, plain: float) -> float:
    """Relative to no pooling; 1 where there is nothing to compare."""
    return float(pooled / plain) if plain > 0 else 1.0
