"""Slopes, kinks and widths of any callable, found numerically."""

import math

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from formulas import FORMULAS
from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.errors import UserError
from whyrelu.network.activations import activation_factory
from whyrelu.network.scalar import scalar_function, slope

pytestmark = pytest.mark.usefixtures("one_thread")


def module(name: str) -> nn.Module:
    path = CONFIG_DIRECTORY / "activation" / f"{name}.yaml"
    return activation_factory(OmegaConf.to_container(OmegaConf.load(path)))()  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIG_DIRECTORY / "activation").glob("*.yaml")))
def test_values_and_slopes_of_every_activation(name):
    phi = scalar_function(module(name))
    x, step = np.linspace(-9, 9, 721), 1e-6  # contains every kink
    assert np.allclose(phi.value(torch.from_numpy(x)).numpy(), FORMULAS[name](x), rtol=1e-11, atol=1e-14)
    x = x + 0.0037
    difference = (FORMULAS[name](x + step) - FORMULAS[name](x - step)) / (2 * step)
    assert np.allclose(phi.slope(torch.from_numpy(x)).numpy(), difference, atol=1e-8)


@pytest.mark.parametrize(
    ("function", "kinks"),
    [
        (lambda x: torch.where(x > 0.1234567, x * x, 0 * x) + (x - 2.71828).clamp_min(0), [0.1234567, 2.71828]),
        (lambda x: (x > math.pi).to(x.dtype), [math.pi]),
        (lambda x: (x - 5.5).abs() * (x + 0.77).abs(), [-0.77, 5.5]),
        (lambda x: torch.where(x > 20.2, x - 20.2, 0 * x), [20.2]),
    ],
)
def test_kinks_and_jumps_are_found_wherever_they_are(function, kinks):
    edges = scalar_function(function).edges
    assert np.all(np.diff(edges) > 0) and len(edges) < 60
    assert all(np.abs(edges - kink).min() < 1e-10 for kink in kinks)


def test_slopes_of_callables_in_place_and_without_a_derivative():
    x = torch.linspace(-2, 2, 9)
    before = x.clone()
    with torch.no_grad():
        assert slope(torch.relu_, x).tolist() == (x > 0).float().tolist()
        assert slope(torch.sign, x).tolist() == [0.0] * 9
        assert slope(lambda t: t.detach(), x).tolist() == [0.0] * 9
    assert torch.equal(x, before)
    activation = nn.PReLU(init=0.3)
    assert slope(activation, torch.tensor([[-1.0, 2.0]])).tolist() == [[pytest.approx(0.3), 1.0]]
    assert activation.weight.grad is None


def test_what_is_no_function_of_single_numbers_is_refused_in_words():
    for activation in (nn.Softmax2d(), nn.Softmax(dim=-1), nn.Softmax(dim=0)):
        with pytest.raises(UserError, match=r"not a function of single numbers.*diagnostics=off"):
            scalar_function(activation)
