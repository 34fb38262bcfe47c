"""What convolutions add to the mean-field theory: the border, where zero padding lets signals and gradients leak out.

With fan_in = kernel^2 * channels the maps of `whyrelu.theory.mean_field` hold for the total squared norms of
convolutions with circular padding as they stand (Xiao et al. 2018).
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

Array = NDArray[np.float64]
Padding = Literal["zeros", "circular"]


def zero_padding_factor(side: int, kernel: int = 3) -> float:
    """The factor by which zero padding lowers chi_1 per layer, after many layers on a side x side map.

    A pixel's energy is the mean over the kernel's window around it, with nothing outside the map. Many layers leave
    the leading eigenvector of that operator, a product of two one-dimensional ones with eigenvalue
    (1 + 2 cos(pi / (side + 1))) / 3 for a kernel of 3, as of any tridiagonal Toeplitz matrix. The operator is that of
    Xiao et al. 2018 (1806.05393), with zeros in place of their circular padding.

    Args:
        side: of the map, in pixels.
        kernel: odd, in pixels.
    """
    return float(eigvalsh(_window(side, "zeros", kernel))[-1] ** 2)


def neighbourhood_mean(field: Array, padding: Padding = "zeros", kernel: int = 3) -> Array:
    """Mean over the kernel's window around every pixel: exact bookkeeping of energies on the map.

    Args:
        field: (..., height, width).
        padding: what is outside the map.
        kernel: odd, in pixels.
    """
    height, width = field.shape[-2:]
    return np.asarray(_window(height, padding, kernel) @ field @ _window(width, padding, kernel).T)


@cache
def _window(side: int, padding: Padding, kernel: int) -> Array:
    """The matrix that takes the mean over a window along one axis, (side, side)."""
    offsets = np.arange(kernel) - kernel // 2
    rows = np.arange(side)[:, None] + offsets
    matrix = np.zeros((side, side))
    inside = (rows >= 0) & (rows < side)
    for row, column, counts in zip(np.arange(side).repeat(kernel), rows.ravel(), inside.ravel(), strict=True):
        if counts or padding == "circular":
            matrix[row, column % side] += 1 / kernel
    return matrix
