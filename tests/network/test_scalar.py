"""Slopes, kinks and widths of any callable, found numerically."""

import math

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional
from whyrelu.config.composition import CONFIG_DIRECTORY

from formulas import FORMULAS
from whyrelu.errors import UserError
from whyrelu.network.activations import activation_factory
from whyrelu.network.scalar import scalar_function, slope, slope_scale

pytestmark = pytest.mark.usefixtures("one_thread")


def module(name: str) -> nn.Module:
    return activation_factory(OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / f"activation/{name}.yaml")))()


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_values_and_slopes_of_every_activation(name):
    phi = scalar_function(module(name))
    # off the kinks
    x = np.linspace(-9.0137, 9.0139, 2001)
    assert np.allclose(phi.value(torch.from_numpy(x)).numpy(), FORMULAS[name](x), atol=1e-12)
    step = 1e-6
    difference = (FORMULAS[name](x + step) - FORMULAS[name](x - step)) / (2 * step)
    assert np.allclose(phi.slope(torch.from_numpy(x)).numpy(), difference, atol=1e-8)


@pytest.mark.parametrize(
    ("function", "kinks"),
    [
        (lambda x: (x - 0.1234567).clamp_min(0), [0.1234567]),
        (lambda x: torch.where(x > 0.1234567, x * x, 0 * x) + (x - 2.71828).clamp_min(0), [0.1234567, 2.71828]),
        (lambda x: (x > math.pi).to(x.dtype), [math.pi]),
        (lambda x: (x - 5.5).abs() * (x + 0.77).abs(), [-0.77, 5.5]),
        (lambda x: (x - 0.9999).clamp_min(0), [0.9999]),
        (lambda x: torch.where(x > 20.2, x - 20.2, 0 * x), [20.2]),
    ],
)
def test_kinks_and_jumps_are_found_wherever_they_are(function, kinks):
    edges = scalar_function(function).edges
    assert np.all(np.diff(edges) > 0)
    assert len(edges) < 60
    for kink in kinks:
        assert np.abs(edges - kink).min() < 1e-10


def test_a_function_that_never_resolves_ends_the_search():
    assert len(scalar_function(lambda x: torch.sin(1e6 * x)).edges) < 10_000
    assert len(scalar_function(lambda x: torch.full_like(x, math.nan)).edges) < 100


def test_slopes_of_callables_in_place_and_without_a_derivative():
    x = torch.linspace(-2, 2, 9)
    before = x.clone()
    with torch.no_grad():
        assert slope(torch.relu_, x).tolist() == (x > 0).float().tolist()
        assert slope(torch.sign, x).tolist() == [0.0] * 9
        assert slope(lambda t: t.detach(), x).tolist() == [0.0] * 9
    assert torch.equal(x, before)


def test_slopes_keep_no_gradient_of_parameters():
    activation = nn.PReLU(init=0.3)
    assert slope(activation, torch.tensor([[-1.0, 2.0]])).tolist() == [[pytest.approx(0.3), 1.0]]
    assert activation.weight.grad is None


@pytest.mark.parametrize(
    ("name", "maximum"),
    [("relu", 1), ("sigmoid", 1 / 4), ("tanh", 1), ("rescaled_sigmoid", 1), ("softsign", 1), ("identity", 1)],
)
def test_largest_slope_and_threshold(name, maximum):
    scale = slope_scale(module(name))
    assert scale.maximum == pytest.approx(maximum, rel=1e-9)
    assert scale.threshold == pytest.approx(maximum / 20, rel=1e-9)


def test_largest_slope_between_the_points_of_a_grid():
    assert slope_scale(nn.GELU()).maximum == pytest.approx(1.1289041451851, rel=1e-10)


def test_a_function_with_float32_numbers_of_its_own_is_used_as_it_is():
    weight = torch.tensor([0.2])
    phi = scalar_function(lambda x: functional.prelu(x, weight))
    x = torch.tensor([-1.0, 2.0], dtype=torch.float64)
    assert phi.value(x).tolist() == pytest.approx([-0.2, 2.0])
    assert phi.slope(x).tolist() == pytest.approx([0.2, 1.0])


@pytest.mark.parametrize("module", [nn.Softmax2d(), nn.Softmax(dim=-1), nn.Softmax(dim=0)], ids=str)
def test_what_is_no_function_of_single_numbers_is_refused_in_words(module):
    for find in (scalar_function, slope_scale):
        with pytest.raises(UserError, match=r"not a function of single numbers.*diagnostics=off"):
            find(module)
