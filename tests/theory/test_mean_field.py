"""Mean-field theory against closed forms, anchors from the literature, and integrals done in another way."""

import itertools
import math

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from scipy.integrate import quad
from torch import nn

from formulas import FORMULAS, KINKS
from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.network.activations import activation_factory
from whyrelu.network.moments import second_moment, slope_second_moment
from whyrelu.network.scalar import ScalarFunction, scalar_function
from whyrelu.theory.mean_field import FixedPoint, chi_1, chi_batch_norm, depth_scale, fixed_points, length_map

pytestmark = pytest.mark.usefixtures("one_thread")

Q = np.array([1e-12, 1e-6, 0.01, 0.3, 1.0, 7.0, 400.0, 1e6])


def function(name: str) -> ScalarFunction:
    config = OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / f"activation/{name}.yaml"))
    return scalar_function(activation_factory(config)())


RELU, TANH, SIGMOID = (function(name) for name in ("relu", "tanh", "sigmoid"))


# closed forms


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.3, 1.0, -1.0])
def test_moments_of_leaky_relu(slope):
    phi = scalar_function(nn.LeakyReLU(slope))
    assert np.allclose(second_moment(phi, Q), Q * (1 + slope**2) / 2, rtol=1e-10)
    assert np.allclose(slope_second_moment(phi, Q), (1 + slope**2) / 2, rtol=1e-10)


def test_moments_of_erf():
    # Williams 1998
    phi = scalar_function(torch.erf)
    assert np.allclose(second_moment(phi, Q), 2 / math.pi * np.arcsin(2 * Q / (1 + 2 * Q)), rtol=1e-8)
    assert np.allclose(slope_second_moment(phi, Q), 4 / math.pi / np.sqrt(1 + 4 * Q), rtol=1e-8)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_second_moments_against_another_quadrature(name):
    # short signals, usual ones or long ones
    q = (1e-4, 1.3, 400.0)[sorted(FORMULAS).index(name) % 3]
    scale = math.sqrt(q)

    def integrand(z: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(FORMULAS[name](np.array(scale * z)))
        return value**2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    # split where the formula or its scale changes
    borders = sorted({-9.0, 9.0, *(k / scale for k in (*KINKS, -10, 10) if abs(k / scale) < 9)})
    expected = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in itertools.pairwise(borders))
    assert float(second_moment(function(name), q)) == pytest.approx(expected, rel=1e-8)


# anchors


@pytest.mark.parametrize(("variance", "chi"), [(2, 1), (1 / 3, 1 / 6), (1, 1 / 2)])
def test_chi_1_of_relu(variance, chi):
    assert np.allclose(chi_1(RELU, Q, variance), chi, rtol=1e-10)


@pytest.mark.parametrize(
    ("variance", "q", "chi"),
    # PyTorch's default, whose biases vanish in wide layers, Xavier's, V(1) = 1, and where gradients survive
    [(1 / 3, None, 0.0200), (1, None, 0.0557), (3.4099, 1.0, 0.153), (103, 45.6, 1.0)],
)
def test_fixed_points_of_the_sigmoid(variance, q, chi):
    (point,) = fixed_points(SIGMOID, variance)
    assert point.stable
    assert q is None or point.q == pytest.approx(q, rel=1e-3)
    assert float(chi_1(SIGMOID, point.q, variance)) == pytest.approx(chi, abs=5e-4)


def test_long_fixed_points_of_softplus():
    phi = function("softplus")
    # with He's variance V(q) - q is positive at every length, about 1.92 / sqrt(q): there is none
    assert fixed_points(phi, 2.0) == []
    assert np.allclose((length_map(phi, [1e2, 1e3, 1e4], 2.0) - [1e2, 1e3, 1e4]) * [10, 10**1.5, 100], 1.92, rtol=0.03)
    # and just below it there is one far out
    variance = 505 / float(second_moment(phi, 505))
    assert variance == pytest.approx(1.99966, rel=1e-5)
    (point,) = fixed_points(phi, variance)
    assert (point.q, point.stable) == (pytest.approx(505, rel=1e-6), True)
    assert float(chi_1(phi, point.q, variance)) == pytest.approx(0.9645, abs=5e-4)


def test_chi_1_with_batch_norm():
    assert chi_batch_norm(RELU) == pytest.approx(math.pi / (math.pi - 1), rel=1e-10)
    assert chi_batch_norm(function("identity")) == pytest.approx(1, rel=1e-10)


# what follows from the maps


@pytest.mark.parametrize(
    ("phi", "weight", "bias"),
    [(TANH, 1.5, 0.1), (SIGMOID, 0.7, 0.3), (SIGMOID, 300.0, 0.0), (function("gelu"), 2.5, 0.0)],
)
def test_fixed_points_are_fixed(phi, weight, bias):
    points = fixed_points(phi, weight, bias)
    assert points
    for q, stable in points:
        assert float(length_map(phi, q, weight, bias)) == pytest.approx(q, rel=1e-9)
        near = q * 1.001 + 1e-6
        assert (float(length_map(phi, near, weight, bias)) < near) == stable


def test_fixed_points_of_known_maps():
    assert fixed_points(TANH, 0.9) == [FixedPoint(0.0, stable=True)]
    # on the edge of chaos every length shrinks still
    assert fixed_points(TANH, 1.0) == [FixedPoint(0.0, stable=True)]
    # every length is one
    assert fixed_points(RELU, 2.0) == [FixedPoint(0.0, stable=False)]
    zero, other = fixed_points(TANH, 1.5)
    assert (zero.q, zero.stable, other.stable) == (0.0, False, True)
    # relu with bias: q = q / 2 + 0.1
    (point,) = fixed_points(RELU, 1.0, 0.1)
    assert point.q == pytest.approx(0.2, rel=1e-10)


def test_depth_scale():
    assert depth_scale(np.exp([-1 / 6, -1 / 6])) == pytest.approx(6)
    assert depth_scale(np.array([math.e])) == pytest.approx(-1)
    assert depth_scale(np.array([0.5, 2.0])) == math.inf
    assert math.isnan(depth_scale(np.array([])))
