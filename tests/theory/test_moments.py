"""Tabulated moments against those computed anew, and correlations against closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from whyrelu.network.activations import Elementwise, relu_squared
from whyrelu.network.moments import second_moment, slope_second_moment
from whyrelu.network.scalar import scalar_function
from whyrelu.theory.moments import Moments

# between the points of the table
Q = np.array([3.3e-9, 0.0123, 0.77, 1.0, 5.1, 333.0, 2.2e7])
C = np.array([-0.5, 0.0, 0.3, 0.9, 0.999])


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.Hardtanh(), nn.Mish()], ids=str
)
def test_interpolated_moments_are_those_of_the_quadrature(activation):
    phi = scalar_function(activation)
    moments = Moments(phi)
    assert np.allclose(moments.second(Q), second_moment(phi, Q), rtol=2e-5)
    assert np.allclose(moments.slope(Q), slope_second_moment(phi, Q), rtol=2e-5)


def test_beyond_the_table_moments_go_on_as_powers():
    far = np.array([1e-20, 1e20])
    relu, squared = (Moments(scalar_function(module)) for module in (nn.ReLU(), Elementwise(relu_squared)))
    assert np.allclose(relu.second(far), far / 2, rtol=1e-6)
    assert np.allclose(relu.slope(far), 0.5, rtol=1e-6)
    assert np.allclose(squared.second(far), 1.5 * far**2, rtol=1e-6)
    # of which independent images differ by all but the square of the mean
    assert np.allclose(squared.difference(far, far), (1.5 - 0.25) * far**2, rtol=1e-3)


def test_what_is_zero_for_short_signals_is_not_interpolated():
    phi = scalar_function(nn.Hardshrink())
    q = np.array([1e-6, 0.05, 2.0])
    found = Moments(phi).second(q)
    assert np.array_equal(found, second_moment(phi, q))
    assert found[0] == 0


def arc_cosine(c, q):
    """Cho and Saul 2009, degree 1."""
    return (np.sqrt(1 - c**2) + (math.pi - np.arccos(c)) * c) / math.pi


def arc_sine(c, q):
    """Williams 1998."""
    return np.arcsin(2 * q * c / (1 + 2 * q)) / np.arcsin(2 * q / (1 + 2 * q))


@pytest.mark.parametrize(("activation", "kernel"), [(nn.ReLU(), arc_cosine), (torch.erf, arc_sine)])
def test_correlations_are_known_kernels(activation, kernel):
    phi = scalar_function(activation)
    moments, expected = Moments(phi), kernel(C, 1.7)
    assert np.allclose(moments.correlation(1.7, C), expected, atol=2e-3)
    difference = moments.difference(np.full(4, 1.7), 1.7 * (1 - C[1:]))
    assert np.allclose(difference, second_moment(phi, 1.7) * (1 - expected[1:]), rtol=0.02)


def test_centred_correlations_are_those_of_covariances():
    moments = Moments(scalar_function(torch.sigmoid))
    assert moments.correlation(1.0, np.array([0.0, 1.0]), centred=True) == pytest.approx([0, 1])
    assert moments.correlation(1.0, np.array([0.0]))[0] > 0.8


@pytest.mark.parametrize(
    ("activation", "small"),
    [(nn.ReLU(), 1e-8), (nn.Hardtanh(), 1e-8), (nn.ReLU6(), 1e-8), (nn.Tanh(), 1e-30), (nn.Sigmoid(), 1e-30)],
)
def test_the_slope_of_the_correlation_map_at_one_is_chi_1(activation, small):
    phi = scalar_function(activation)
    found = Moments(phi).difference(np.array([1.3]), np.array([small]))
    assert found[0] == pytest.approx(small * float(slope_second_moment(phi, 1.3)), rel=1e-3)
