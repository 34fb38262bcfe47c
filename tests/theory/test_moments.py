"""Tabulated moments against those computed anew."""

import numpy as np
import pytest
import torch
from torch import nn

from whyrelu.network.scalar import scalar_function
from whyrelu.theory.mean_field import correlation_map, second_moment, slope_second_moment
from whyrelu.theory.moments import Moments

# between the points of the table
Q = np.array([3.3e-9, 0.0123, 0.77, 1.0, 5.1, 333.0, 2.2e7])


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.Hardtanh(), nn.Mish()], ids=str
)
def test_interpolated_moments_are_those_of_the_quadrature(activation):
    phi = scalar_function(activation)
    moments = Moments(phi)
    assert np.allclose(moments.second(Q), second_moment(phi, Q), rtol=2e-5)
    assert np.allclose(moments.slope(Q), slope_second_moment(phi, Q), rtol=2e-5)


def test_beyond_the_table_moments_go_on_as_powers():
    moments = Moments(scalar_function(nn.ReLU()))
    far = np.array([1e-20, 1e20])
    assert np.allclose(moments.second(far), far / 2, rtol=1e-6)
    assert np.allclose(moments.slope(far), 0.5, rtol=1e-6)


def test_what_is_zero_for_short_signals_is_not_interpolated():
    phi = scalar_function(nn.Hardshrink())
    moments = Moments(phi)
    q = np.array([1e-6, 0.05, 2.0])
    assert np.array_equal(moments.second(q), second_moment(phi, q))
    assert moments.second(q)[0] == 0


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.Sigmoid()], ids=str)
def test_correlations_are_those_of_the_correlation_map(activation):
    phi = scalar_function(activation)
    moments = Moments(phi)
    correlation = np.array([-0.5, 0.0, 0.3, 0.9, 0.999])
    expected = correlation_map(phi, correlation, 1.7, 1.0)
    assert np.allclose(moments.correlation(1.7, correlation), expected, atol=2e-3)
    difference = moments.difference(np.full(4, 1.7), 1.7 * (1 - correlation[1:]))
    assert np.allclose(difference, second_moment(phi, 1.7) * (1 - expected[1:]), rtol=0.02)


def test_the_smallest_differences_are_not_lost_in_round_off():
    phi = scalar_function(nn.Tanh())
    found = Moments(phi).difference(np.array([1.0]), np.array([1e-30]))
    assert found[0] == pytest.approx(1e-30 * float(slope_second_moment(phi, 1.0)), rel=1e-3)


def test_centred_correlations_are_those_of_covariances():
    moments = Moments(scalar_function(torch.sigmoid))
    assert moments.correlation(1.0, np.array([0.0, 1.0]), centred=True) == pytest.approx([0, 1])
    assert moments.correlation(1.0, np.array([0.0]))[0] > 0.8


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Hardtanh(), nn.ReLU6()], ids=str)
def test_small_differences_of_kinked_functions_follow_the_slope(activation):
    phi = scalar_function(activation)
    found = Moments(phi).difference(np.array([1.3]), np.array([1e-8]))
    assert found[0] == pytest.approx(1e-8 * float(slope_second_moment(phi, 1.3)), rel=1e-3)
