"""Mean-field theory against closed forms, anchors from the literature, and integrals done in another way."""

import itertools
import math

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from scipy.integrate import dblquad, quad
from torch import nn
from whyrelu.config.composition import CONFIG_DIRECTORY

from formulas import FORMULAS, KINKS
from whyrelu.network.activations import activation_factory
from whyrelu.network.scalar import ScalarFunction, scalar_function
from whyrelu.theory import mean_field as theory

pytestmark = pytest.mark.usefixtures("one_thread")

Q = np.array([1e-12, 1e-6, 0.01, 0.3, 1.0, 7.0, 400.0, 1e6])
C = np.array([-1, -0.7, 0, 0.3, 0.9, 0.999, 1 - 1e-6, 1])


def function(name: str) -> ScalarFunction:
    config = OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / f"activation/{name}.yaml"))
    return scalar_function(activation_factory(config)())


RELU, TANH, SIGMOID = (function(name) for name in ("relu", "tanh", "sigmoid"))
ERF = scalar_function(torch.erf)


# closed forms


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.3, 1.0, -1.0])
def test_moments_of_leaky_relu(slope):
    phi = scalar_function(nn.LeakyReLU(slope))
    assert np.allclose(theory.second_moment(phi, Q), Q * (1 + slope**2) / 2, rtol=1e-10)
    assert np.allclose(theory.slope_second_moment(phi, Q), (1 + slope**2) / 2, rtol=1e-10)
    assert np.allclose(theory.mean(phi, Q), np.sqrt(Q / (2 * math.pi)) * (1 - slope), rtol=1e-9, atol=1e-12)


def test_moments_of_erf():
    # Williams 1998
    assert np.allclose(theory.second_moment(ERF, Q), 2 / math.pi * np.arcsin(2 * Q / (1 + 2 * Q)), rtol=1e-8)
    assert np.allclose(theory.slope_second_moment(ERF, Q), 4 / math.pi / np.sqrt(1 + 4 * Q), rtol=1e-8)


def test_moments_of_the_sine():
    sine = scalar_function(torch.sin)
    small = Q[Q < 50]
    assert np.allclose(theory.second_moment(sine, small), (1 - np.exp(-2 * small)) / 2, rtol=1e-8)
    assert np.allclose(theory.slope_second_moment(sine, small), (1 + np.exp(-2 * small)) / 2, rtol=1e-8)


@pytest.mark.parametrize("kink", [0.1234567, 1.5, 2.71828])
def test_a_kink_anywhere_costs_no_digits(kink):
    phi = scalar_function(lambda x: (x - kink).clamp_min(0))
    # E[max(z - k, 0)] = density(k) - k P(z > k)
    expected = math.exp(-(kink**2) / 2) / math.sqrt(2 * math.pi) - kink * math.erfc(kink / math.sqrt(2)) / 2
    assert float(theory.mean(phi, 1.0)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", sorted(FORMULAS))
@pytest.mark.parametrize("q", [1e-4, 0.3, 1.0, 7.0, 400.0])
def test_second_moments_against_another_quadrature(name, q):
    scale = math.sqrt(q)

    def integrand(z: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(FORMULAS[name](np.array(scale * z)))
        return value**2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    # split where the formula or its scale changes
    borders = sorted({-9.0, 9.0, *(k / scale for k in (*KINKS, -10, 10) if abs(k / scale) < 9)})
    expected = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in itertools.pairwise(borders))
    assert float(theory.second_moment(function(name), q)) == pytest.approx(expected, rel=1e-8)


def test_correlation_map_of_relu_is_the_arc_cosine_kernel():
    # Cho and Saul 2009, degree 1
    angle = np.arccos(C)
    expected = (np.sin(angle) + (math.pi - angle) * C) / math.pi
    for q in (1e-6, 1.7, 100.0):
        assert np.allclose(theory.correlation_map(RELU, C, q, 2.0), expected, atol=1e-10)
    assert np.allclose(theory.correlation_slope(RELU, C, 1.7, 2.0), 1 - angle / math.pi, atol=1e-8)


def test_correlation_map_of_erf():
    q, variance = 1.7, 1.3
    product = variance * 2 / math.pi * np.arcsin(2 * q * C / (1 + 2 * q))
    expected = (product + 0.1) / theory.length_map(ERF, q, variance, 0.1)
    assert np.allclose(theory.correlation_map(ERF, C, q, variance, 0.1), expected, atol=1e-10)


@pytest.mark.parametrize("name", ["sigmoid", "elu", "softsign", "relu6", "hardswish"])
@pytest.mark.parametrize("c", [0.3, 0.95])
def test_correlation_map_against_another_quadrature(name, c):
    q, d = 2.0, math.sqrt(1 - c * c)

    def integrand(y: float, x: float) -> float:
        u, v = (FORMULAS[name](np.array(math.sqrt(q) * h)) for h in (x, c * x + d * y))
        return float(u * v) * math.exp(-(x * x + y * y) / 2) / (2 * math.pi)

    expected, _ = dblquad(integrand, -8, 8, -8, 8, epsabs=1e-7, epsrel=1e-7)
    found = theory.correlation_map(function(name), c, q, 1.0) * theory.length_map(function(name), q, 1.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_slope_of_the_correlation_map_at_one_is_chi_1(name):
    phi = function(name)
    assert float(theory.correlation_slope(phi, 1.0, 1.3, 2.0)) == pytest.approx(float(theory.chi_1(phi, 1.3, 2.0)))
    # and it is the slope: q' (1 - c') = chi_1 q (1 - c) near c = 1
    small = 1e-7
    lost = theory.length_map(phi, 1.3, 2.0) * (1 - theory.correlation_map(phi, 1 - small, 1.3, 2.0))
    assert float(lost / (1.3 * small)) == pytest.approx(float(theory.chi_1(phi, 1.3, 2.0)), rel=2e-3)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "relu"])
def test_hermite_expansion_is_the_correlation_map(name):
    phi = function(name)
    energies = theory.hermite_energies(phi, 1.3, 64)
    assert energies.sum() <= theory.second_moment(phi, 1.3) * (1 + 1e-12)
    for c in (0.0, 0.5, 0.9):
        expected = float(theory.correlation_map(phi, c, 1.3, 1.0) * theory.length_map(phi, 1.3, 1.0))
        assert float((energies * c ** np.arange(65)).sum()) == pytest.approx(expected, rel=1e-4)


# anchors


def test_chi_1_of_relu():
    for variance, chi in ((2, 1), (1 / 3, 1 / 6), (1, 1 / 2)):
        assert np.allclose(theory.chi_1(RELU, Q, variance), chi, rtol=1e-10)


def test_chi_1_of_sigmoid():
    # PyTorch's default has Var b = 1 / (3 fan_in), which vanishes in wide layers
    for variance, chi in ((1 / 3, 0.0200), (1, 0.0557)):
        (point,) = theory.fixed_points(SIGMOID, variance)
        assert point.stable
        assert float(theory.chi_1(SIGMOID, point.q, variance)) == pytest.approx(chi, abs=5e-5)


def test_chi_1_with_batch_norm():
    assert theory.chi_batch_norm(RELU) == pytest.approx(math.pi / (math.pi - 1), rel=1e-10)
    assert theory.chi_batch_norm(function("identity")) == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.0), (16.0, 0.3), (3.4, 1.0)])
def test_a_sigmoid_net_is_a_tanh_net(weight, bias):
    tanh_weight, tanh_bias = theory.sigmoid_as_tanh(weight, bias)
    for q in (0.3, 1.0, 20.0):
        # preactivations are halved, so lengths are quartered
        halved = theory.length_map(TANH, q / 4, tanh_weight, tanh_bias)
        assert float(theory.length_map(SIGMOID, q, weight, bias)) / 4 == pytest.approx(float(halved), rel=1e-10)
        chi = theory.chi_1(TANH, q / 4, tanh_weight)
        assert float(theory.chi_1(SIGMOID, q, weight)) == pytest.approx(float(chi), rel=1e-10)
        c = theory.correlation_map(TANH, 0.6, q / 4, tanh_weight, tanh_bias)
        assert float(theory.correlation_map(SIGMOID, 0.6, q, weight, bias)) == pytest.approx(float(c), rel=1e-9)


# what follows from the maps


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "softplus", "selu"])
@pytest.mark.parametrize(("weight", "bias"), [(1.5, 0.1), (0.7, 0.3)])
def test_fixed_points_are_fixed(name, weight, bias):
    phi = function(name)
    points = theory.fixed_points(phi, weight, bias)
    assert points
    for q, stable in points:
        assert float(theory.length_map(phi, q, weight, bias)) == pytest.approx(q, rel=1e-9)
        nearby = float(theory.length_map(phi, q * 1.001, weight, bias))
        assert (nearby < q * 1.001) == stable


def test_fixed_points_of_known_maps():
    assert theory.fixed_points(TANH, 0.9) == [theory.FixedPoint(0.0, stable=True)]
    # on the edge of chaos every length shrinks still
    assert theory.fixed_points(TANH, 1.0) == [theory.FixedPoint(0.0, stable=True)]
    assert theory.fixed_points(RELU, 2.0) == [theory.FixedPoint(0.0, stable=False)]
    zero, other = theory.fixed_points(TANH, 1.5)
    assert (zero.q, zero.stable, other.stable) == (0.0, False, True)
    # relu with bias: q = q / 2 + 0.1
    (point,) = theory.fixed_points(RELU, 1.0, 0.1)
    assert point.q == pytest.approx(0.2, rel=1e-10)
    # gelu's fixed point at unit length repels
    assert not theory.fixed_points(function("gelu"), theory.matched_weight_variance(function("gelu")))[-1].stable


def test_matched_variance():
    assert theory.matched_weight_variance(RELU) == pytest.approx(2, rel=1e-12)
    for name in sorted(FORMULAS):
        phi = function(name)
        variance = theory.matched_weight_variance(phi, q=0.8, bias_variance=0.1)
        assert float(theory.length_map(phi, 0.8, variance, 0.1)) == pytest.approx(0.8, rel=1e-12)


def test_edge_of_chaos():
    assert theory.edge_of_chaos(TANH, 0.0) == pytest.approx(1, abs=1e-6)
    assert theory.edge_of_chaos(RELU, 0.0) == pytest.approx(2, abs=1e-9)
    with pytest.raises(ValueError, match="edge of chaos"):
        theory.edge_of_chaos(RELU, 0.1)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "elu", "softsign"])
@pytest.mark.parametrize("bias", [0.05, 0.5])
def test_on_the_edge_chi_1_is_one_at_a_fixed_point(name, bias):
    phi = function(name)
    variance = theory.edge_of_chaos(phi, bias)
    chis = [float(theory.chi_1(phi, q, variance)) for q, _ in theory.fixed_points(phi, variance, bias)]
    assert min(abs(chi - 1) for chi in chis) < 1e-7


def test_correlations_converge_to_one_unless_the_net_is_chaotic():
    assert theory.correlation_fixed_point(TANH, 0.5, 0.9, 0.1) == 1
    variance = 4.0
    q = theory.fixed_points(TANH, variance, 0.1)[-1].q
    c = theory.correlation_fixed_point(TANH, q, variance, 0.1)
    assert 0 < c < 1
    assert float(theory.correlation_map(TANH, c, q, variance, 0.1)) == pytest.approx(c, abs=1e-9)


def test_scales():
    assert theory.depth_scale([math.exp(-1 / 6), math.e, 1.0]).tolist() == pytest.approx([6, -1, math.inf])
    assert float(theory.roundoff_depth(0.01, 1e-7)) == pytest.approx(7)
    assert theory.roundoff_depth([1.0, 2.0], 1e-7).tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("excess", [1e-10, 1e-8, 1e-7, 1e-5, 0.1])
def test_correlations_near_the_edge_of_chaos(excess):
    bias = 0.05
    edge = theory.edge_of_chaos(TANH, bias)
    variance = edge * (1 + excess)
    (point,) = theory.fixed_points(TANH, variance, bias)
    found = theory.correlation_fixed_point(TANH, point.q, variance, bias)
    assert 0 <= found <= 1
    assert float(theory.correlation_map(TANH, found, point.q, variance, bias)) == pytest.approx(found, abs=1e-9)


def test_what_overflows_is_nan_and_what_vanishes_is_zero():
    assert math.isnan(theory.correlation_map(scalar_function(torch.log1p), 0.5, 1.0, 1.0))
    shrink = scalar_function(nn.Hardshrink(50.0))
    assert float(theory.correlation_slope(shrink, 0.5, 1.0, 1.0)) == 0
    assert math.isnan(theory.roundoff_depth(math.nan, 1e-7))
    assert math.isnan(theory.matched_weight_variance(TANH, 1.0, 1.5))
