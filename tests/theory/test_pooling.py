"""Moments of the largest of four outputs against what is known of them."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

from whyrelu.network.scalar import scalar_function
from whyrelu.theory.pooling import max_pooling, normal_windows, pooled_correlation

INDEPENDENT = np.zeros((3, 3))
INDEPENDENT[1, 1] = 1
IDENTITY, RELU, TANH = (scalar_function(module) for module in (nn.Identity(), nn.ReLU(), nn.Tanh()))
# order statistics of four normals
MEAN, VARIANCE = 1.02938, 0.49172


def correlated(c: float) -> np.ndarray:
    """c between neighbours in a row or column, c^2 across the diagonal."""
    return np.array([[c**2, c, c**2], [c, 1, c], [c**2, c, c**2]])


def test_windows_have_the_covariances_that_are_asked_for():
    windows = normal_windows(2.0, correlated(0.6), 0.1, layer=3).reshape(-1, 8)
    window = np.array([[1, 0.6, 0.6, 0.36], [0.6, 1, 0.36, 0.6], [0.6, 0.36, 1, 0.6], [0.36, 0.6, 0.6, 1]])
    assert np.allclose(np.cov(windows.T), 2 * np.kron([[1, 0.9], [0.9, 1]], window), atol=0.02)
    other = normal_windows(2.0, correlated(0.6), 0.1, layer=4).reshape(-1, 8)
    assert np.abs(np.corrcoef(windows.T, other.T)[:8, 8:]).max() < 0.06


def test_the_largest_of_four_independent_normals():
    found = max_pooling(IDENTITY, normal_windows(2.0, INDEPENDENT, 1.0, 0))
    assert found.energy == pytest.approx(VARIANCE + MEAN**2, rel=1e-2)
    assert found.slope == pytest.approx(1)
    assert found.difference == pytest.approx(VARIANCE, rel=3e-2)


def test_pixels_that_are_alike_change_nothing():
    found = max_pooling(RELU, normal_windows(1.3, np.ones((3, 3)), 0.1, 0))
    assert found == pytest.approx((1, 1, 1), rel=1e-6)


@pytest.mark.parametrize("c", [0.0, 0.5, 0.9])
def test_one_of_four_relus_is_alive_more_often_than_one(c):
    places = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    offsets = places[:, None] - places[None, :] + 1
    covariance = correlated(c)[offsets[..., 0], offsets[..., 1]]
    dead = multivariate_normal(np.zeros(4), covariance).cdf(np.zeros(4), rng=np.random.default_rng(0))
    found = max_pooling(RELU, normal_windows(0.7, correlated(c), 0.2, 0))
    assert found.slope == pytest.approx(2 * (1 - dead), rel=1e-2)


def test_small_differences_follow_the_slope_of_the_winner():
    found = max_pooling(TANH, normal_windows(1.0, correlated(0.6), 1e-20, 0))
    assert found.difference == pytest.approx(found.slope, rel=0.02)
    assert found.slope < 1  # the largest output is nearer to saturation


@pytest.mark.parametrize("centred", [False, True])
def test_correlation_of_two_windows_against_simulation(centred):
    c = 0.9 ** np.abs(np.arange(-3, 4))
    found = pooled_correlation(RELU, 1.5, c[:, None] * c[None, :], centred)
    assert found.shape == (3, 3)
    assert found[1, 1] == pytest.approx(1)
    assert np.allclose(found, found[::-1, ::-1])
    # a row of pixels, correlated as an autoregressive process in both directions
    factor = np.linalg.cholesky(0.9 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4))))
    normal = torch.randn(200_000, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    rows = np.linalg.cholesky(np.array([[1, 0.9], [0.9, 1]]))
    field = np.sqrt(1.5) * np.einsum("ab,nbj,ij->nai", rows, normal, factor)
    largest = np.maximum(field, 0).reshape(-1, 2, 2, 2).max((1, 3))
    mean = largest.mean() if centred else 0.0
    expected = ((largest[:, 0] * largest[:, 1]).mean() - mean**2) / ((largest**2).mean() - mean**2)
    assert found[1, 2] == pytest.approx(expected, rel=2e-2)
