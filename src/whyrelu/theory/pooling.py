"""What a 2x2 max pooling does to signals and gradients: it prefers large outputs, whose slopes are not the average.

The pooling itself hands every gradient to one of four pixels, which keeps its square. But that pixel is the winner of
its window, and the slope of a winner is not that of any pixel: of four ReLU units one is nearly always alive. So the
moments behind a pooling are those of the largest of four outputs. Preactivations of neighbouring pixels are normal and
correlated (Novak et al. 2019, 1810.05148, follow the same covariances); nothing in closed form is known of their
maximum, and its moments are taken over a fixed set of quasi-random points, to about 1e-2.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch.quasirandom import SobolEngine

from whyrelu.network.quadrature import Array, evaluate
from whyrelu.network.scalar import ScalarFunction

_WINDOW = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
_POINTS = 4096


class MaxPooling(NamedTuple):
    """The maximum M of a window of outputs a = phi(h)."""

    # E[M^2] / E[a^2]
    energy: float
    # E[phi'(h)^2] of the winner, relative to that of any pixel
    slope: float
    # E[(M - M')^2] / E[(a - a')^2] between two images
    difference: float


def normal_windows(q: float, spatial: Array, share: float, layer: int) -> Array:
    """Normal preactivations of 2x2 windows of two images, (points, 2, 4); those of different layers are independent.

    Args:
        q: E[h^2].
        spatial: correlation between h of two pixels by their offset, (2 R + 1, 2 R + 1); 1 in the centre.
        share: 1 - correlation between h of two images at one pixel.
        layer: its number.
    """
    normals = _normals()[np.random.default_rng(layer).permutation(_POINTS)].reshape(_POINTS, 2, 4)
    # on a map of one pixel nothing is pooled
    factor = _factor(_covariance(_WINDOW, spatial)) if len(spatial) > 1 else np.eye(4)
    windows = np.sqrt(q) * normals @ factor.T
    # another image: the same as far as the images are correlated
    share = float(np.clip(share, 0, 1))
    windows[:, 1] = (1 - share) * windows[:, 0] + np.sqrt(share * (2 - share)) * windows[:, 1]
    return np.asarray(windows)


def max_pooling(phi: ScalarFunction, windows: Array) -> MaxPooling:
    """The moments of a 2x2 max pooling with stride 2 of preactivations as `normal_windows` gives them."""
    outputs, slopes = evaluate(phi.value, windows), evaluate(phi.slope, windows) ** 2
    largest = outputs.max(-1)
    winner = outputs.argmax(-1)[..., None]
    return MaxPooling(
        energy=_ratio((largest**2).mean(), (outputs**2).mean()),
        slope=_ratio(np.take_along_axis(slopes, winner, -1).mean(), slopes.mean()),
        difference=_ratio((np.diff(largest, axis=1) ** 2).mean(), (np.diff(outputs, axis=1) ** 2).mean()),
    )


def pooled_correlation(phi: ScalarFunction, q: float, spatial: Array, centred: bool = False) -> Array:
    """Correlation of two window's maxima by their offset, (2 r + 1, 2 r + 1), r = (R - 1) // 2; see `normal_windows`.

    E[M M'] / E[M^2], or that of covariances if centred.
    """
    radius = (len(spatial) // 2 - 1) // 2
    products = np.zeros((2 * radius + 1, 2 * radius + 1))
    for dy in range(radius + 1):
        for dx in range(-radius, radius + 1):
            places = np.concatenate([_WINDOW, _WINDOW + np.array([2 * dy, 2 * dx])])
            outputs = evaluate(phi.value, np.sqrt(q) * _normals() @ _factor(_covariance(places, spatial)).T)
            largest = outputs.reshape(-1, 2, 4).max(-1)
            mean = largest[:, 0].mean() if centred else 0.0
            # an offset and its opposite are the same pair
            product = (largest[:, 0] * largest[:, 1]).mean() - mean**2
            products[radius + dy, radius + dx] = products[radius - dy, radius - dx] = product
    return np.asarray(products / products[radius, radius])


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
    if not np.isfinite(covariance).all():
        return np.full_like(covariance, np.nan)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _ratio(pooled: float, plain: float) -> float:
    """Relative to no pooling; 1 where there is nothing to compare."""
    return 1.0 if plain == 0 else float(pooled / plain)
