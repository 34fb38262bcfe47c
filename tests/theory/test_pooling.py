"""Moments of the largest of four outputs against what is known of them."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

from whyrelu.network.scalar import scalar_function
from whyrelu.theory.pooling import max_pooling

INDEPENDENT = np.zeros((3, 3))
INDEPENDENT[1, 1] = 1
ALIKE = np.ones((3, 3))
IDENTITY, RELU, TANH = (scalar_function(module) for module in (nn.Identity(), nn.ReLU(), nn.Tanh()))


def correlated(c: float) -> np.ndarray:
    """c between neighbours in a row or column, c^2 across the diagonal."""
    return np.array([[c**2, c, c**2], [c, 1, c], [c**2, c, c**2]])


def test_the_largest_of_four_independent_normals():
    found = max_pooling(IDENTITY, 2.0, INDEPENDENT, 0.3)
    # order statistics of four: mean 1.0294, variance 0.4917
    assert found.mean == pytest.approx(1.02938 * np.sqrt(2), rel=5e-3)
    assert found.energy == pytest.approx(0.49172 + 1.02938**2, rel=1e-2)
    assert found.slope == pytest.approx(1)
    assert found.products == pytest.approx(2 * (0.49172 + 1.02938**2), rel=1e-2)


def test_pixels_that_are_alike_change_nothing():
    found = max_pooling(RELU, 1.3, ALIKE, 0.1)
    assert (found.energy, found.slope, found.difference) == pytest.approx((1, 1, 1), rel=1e-6)


@pytest.mark.parametrize("c", [0.0, 0.5, 0.9])
def test_one_of_four_relus_is_alive_more_often_than_one(c):
    places = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    offsets = places[:, None] - places[None, :] + 1
    covariance = correlated(c)[offsets[..., 0], offsets[..., 1]]
    dead = multivariate_normal(np.zeros(4), covariance).cdf(np.zeros(4), rng=np.random.default_rng(0))
    assert max_pooling(RELU, 0.7, correlated(c), 0.2).slope == pytest.approx(2 * (1 - dead), rel=1e-2)


def test_small_differences_follow_the_slope_of_the_winner():
    found = max_pooling(TANH, 1.0, correlated(0.6), 1e-20)
    assert found.difference == pytest.approx(found.slope, rel=0.02)
    assert found.slope < 1  # the largest output is nearer to saturation


def test_products_of_two_windows_against_simulation():
    c = 0.9 ** np.abs(np.arange(-3, 4))
    spatial = c[:, None] * c[None, :]
    found = max_pooling(RELU, 1.5, spatial, 0.5).products
    assert found.shape == (3, 3)
    assert np.allclose(found, found[::-1, ::-1])
    # a row of pixels, correlated as an autoregressive process in both directions
    factor = np.linalg.cholesky(0.9 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4))))
    normal = torch.randn(200_000, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    rows = np.linalg.cholesky(np.array([[1, 0.9], [0.9, 1]]))
    field = np.sqrt(1.5) * np.einsum("ab,nbj,ij->nai", rows, normal, factor)
    largest = np.maximum(field, 0).reshape(-1, 2, 2, 2).max((1, 3))
    assert found[1, 2] == pytest.approx((largest[:, 0] * largest[:, 1]).mean(), rel=1e-2)
    assert found[1, 1] == pytest.approx((largest**2).mean(), rel=1e-2)
