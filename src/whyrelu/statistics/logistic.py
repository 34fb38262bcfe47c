"""A logistic curve through the yes and no of runs."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

# Of the square of the slope: keeps it finite where a threshold tells all runs apart.
_RIDGE = 1e-3


def falling_logistic(x: ArrayLike, positive: ArrayLike) -> tuple[float, float]:
    """Slope, above 0, and middle of the likeliest P(positive) = expit(slope (middle - x)); both of shape (runs,)."""
    places, truths = np.asarray(x, dtype=np.float64), np.asarray(positive, dtype=np.float64)

    def loss(parameters: np.ndarray) -> float:
        level, slope = parameters
        z = level - slope * places
        return float(np.mean(np.logaddexp(0, z) - truths * z) + _RIDGE * slope**2)

    level, slope = optimize.minimize(loss, [1.0, 1.0], bounds=[(None, None), (1e-6, None)]).x
    return float(slope), float(level / slope)
