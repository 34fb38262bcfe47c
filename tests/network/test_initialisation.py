"""Initial weights: variances of the papers, and common random numbers."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from scipy.integrate import quad
from torch import Tensor, nn

from formulas import FORMULAS, KINKS
from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.errors import UserError
from whyrelu.network.activations import Elementwise, activation_factory
from whyrelu.network.initialisation import (
    Layer,
    Scheme,
    gain_variances,
    he_variances,
    initialise,
    variance_variances,
    xavier_variances,
)
from whyrelu.network.model import CNN, ShortcutCNN

SCHEMES: dict[str, Scheme] = {
    path.stem: get_object(OmegaConf.load(path)._target_) for path in sorted((CONFIG_DIRECTORY / "init").glob("*.yaml"))
}
SCHEMES["gain"] = partial(SCHEMES["gain"], gain=3.0)
HIDDEN, OUTER, ONE = Layer(18, 45), Layer(18, 45, is_hidden=False), Layer(1, 1)

pytestmark = pytest.mark.usefixtures("one_thread")


def module(name: str) -> nn.Module:
    config = OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / "activation" / f"{name}.yaml"))
    return activation_factory(config)()  # type: ignore[arg-type]


def drawn(network: Any, scheme: Scheme, activation: str = "tanh", seed: int = 0) -> Any:
    initialise(network, module(activation), scheme, torch.Generator().manual_seed(seed))
    return network


def cnn(norm: type[nn.Module] = nn.Identity, activation: Callable[[], nn.Module] = nn.Tanh) -> CNN:
    return CNN((8, 8, 1), 10, depth=4, width=3, activation=activation, norm=norm)


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


# variances


def test_variances_are_those_of_the_papers():
    expected = {name: 2 / 18 for name in ("edge", "he", "variance")}
    expected |= {"gain": 3 / 18, "lecun": 1 / 18, "pytorch": 1 / 54, "xavier": 2 / (18 + 45)}
    for name, scheme in SCHEMES.items():
        found = scheme(nn.ReLU(), HIDDEN)
        assert found == pytest.approx((expected[name], 1 / 54 if name == "pytorch" else 0), rel=1e-6), name
        # what is asked for in every layer, or one in those that are not hidden
        outer = 1 / 18 if name in ("gain", "variance", "edge") else expected[name]
        assert scheme(nn.ReLU(), OUTER).weight == pytest.approx(outer, rel=1e-12), name


def test_the_first_layer_the_classifier_and_shortcuts_are_not_hidden():
    network = ShortcutCNN((16, 16, 3), 10, depth=5, width=4, activation=nn.Sigmoid, norm=nn.Identity)
    drawn(network, partial(gain_variances, gain=0.0))
    kept = {name for name, value in state(network).items() if name.endswith("weight") and value.any()}
    shortcuts = {f"shortcuts.{i}.2.weight" for i in range(2)}
    assert kept == {"blocks.0.convolution.weight", "classifier.weight"} | shortcuts


@pytest.mark.parametrize("name", FORMULAS)
def test_variance_preserves_the_variance_of_every_activation(name):
    def integrand(z: float) -> float:
        phi = float(FORMULAS[name](np.array(z)))
        return phi**2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    edges = [-12.0, *KINKS, 12.0]
    second_moment = sum(quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12)[0] for low, high in pairwise(edges))
    # the length map V(q) = sigma_w^2 E[phi(sqrt(q) z)^2] at its fixed point 1
    assert variance_variances(module(name), ONE).weight * second_moment == pytest.approx(1, abs=1e-8)


def test_variance_is_refused_where_no_variance_preserves_the_signal():
    functions: list[Callable[[Tensor], Tensor]] = [torch.zeros_like, torch.log, lambda x: (20 * x**2).exp()]
    for function in functions:
        with pytest.raises(UserError, match=r"^init=variance needs .*: use init=he, xavier or pytorch$"):
            variance_variances(Elementwise(function), ONE)


# draws


@pytest.mark.parametrize("name", ["pytorch", "he", "xavier"])
def test_weights_are_uniform_with_the_variance_of_the_scheme(name):
    network = drawn(nn.Sequential(nn.Conv2d(40, 100, 3), nn.Linear(300, 400)), SCHEMES[name])
    for layer, fan_in, fan_out in ((network[0], 360, 900), (network[1], 300, 400)):
        expected = SCHEMES[name](nn.Tanh(), Layer(fan_in, fan_out, is_hidden=False))
        weight = layer.weight.detach().double().flatten()
        n = len(weight)
        # the fourth moment of a uniform variable is 9/5 of its squared variance
        assert weight.var().item() == pytest.approx(expected.weight, rel=5 * math.sqrt(0.8 / n))
        assert abs(weight.mean().item()) < 5 * math.sqrt(expected.weight / n)
        bound = math.sqrt(3 * expected.weight)
        assert bound * (1 - 20 / n) < weight.abs().max().item() <= bound * (1 + 1e-6)
        bias = layer.bias.detach().double()
        assert bias.square().mean().item() == pytest.approx(expected.bias, rel=5 * math.sqrt(0.8 / len(bias)))


def test_every_convolution_and_linear_layer_is_drawn_and_nothing_else():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.PReLU(), nn.Sequential(nn.Linear(3, 2)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    drawn(network, he_variances)
    untouched = {name for name, value in state(network).items() if (value == 7).all()}
    assert untouched == {"1.weight", "1.bias", "2.weight"}
    for block in drawn(cnn(), he_variances).blocks[1:]:
        assert block.convolution.weight.is_contiguous(memory_format=torch.channels_last)


# common random numbers


def test_activation_and_scheme_only_scale_the_draws():
    reference = state(drawn(cnn(), he_variances, "relu"))
    weights = {key: value for key, value in reference.items() if key.endswith("weight")}
    for name, scheme in SCHEMES.items():
        found = state(drawn(cnn(activation=nn.PReLU), scheme, "sigmoid"))
        for key, value in weights.items():
            fans = value[0].numel(), value.shape[0] * value[0, 0].numel()
            layer = Layer(*fans, is_hidden=key not in ("blocks.0.convolution.weight", "classifier.weight"))
            ratio = math.sqrt(scheme(module("sigmoid"), layer).weight / (2 / fans[0]))
            assert torch.allclose(found[key], ratio * value, rtol=1e-5, atol=0), (name, key)


def test_without_biases_the_weights_are_the_same():
    with_bias, without = drawn(cnn(), xavier_variances), drawn(cnn(nn.BatchNorm2d), xavier_variances)
    for first, second in zip(with_bias.blocks, without.blocks, strict=True):
        assert second.convolution.bias is None
        assert torch.equal(first.convolution.weight, second.convolution.weight)


def test_draws_come_from_the_given_generator_alone():
    torch.manual_seed(1)
    network = cnn()
    before = torch.get_rng_state()
    first = state(drawn(network, variance_variances))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, other = state(drawn(cnn(), variance_variances)), state(drawn(cnn(), variance_variances, seed=1))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])
