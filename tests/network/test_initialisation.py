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
    Variances,
    gain_variances,
    he_variances,
    initialise,
    pytorch_variances,
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


def test_variances_are_those_of_the_papers() -> None:
    expected = {name: 2 / 18 for name in ("edge", "he", "variance")}
    expected |= {"gain": 3 / 18, "lecun": 1 / 18, "pytorch": 1 / 54, "xavier": 2 / (18 + 45)}
    for name, scheme in SCHEMES.items():
        found = scheme(nn.ReLU(), HIDDEN)
        assert found == pytest.approx((expected[name], 1 / 54 if name == "pytorch" else 0), rel=1e-6), name
        # what is asked for in every layer, or one in those that are not hidden
        outer = 1 / 18 if name in ("gain", "variance", "edge") else expected[name]
        assert scheme(nn.ReLU(), OUTER).weight == pytest.approx(outer, rel=1e-12), name


def test_the_first_layer_the_classifier_and_shortcuts_are_not_hidden() -> None:
    network = ShortcutCNN((16, 16, 3), 10, depth=5, width=4, activation=nn.Sigmoid, norm=nn.Identity)
    drawn(network, partial(gain_variances, gain=0.0))
    kept = {name for name, value in state(network).items() if name.endswith("weight") and value.any()}
    shortcuts = {f"shortcuts.{i}.2.weight" for i in range(2)}
    assert kept == {"blocks.0.convolution.weight", "classifier.weight"} | shortcuts


def test_matched_variance_where_it_is_known_in_closed_form() -> None:
    for activation, second_moment in (
        (nn.Identity(), 1),
        (nn.ReLU(), 1 / 2),
        (nn.LeakyReLU(0.2), (1 + 0.2**2) / 2),
        (Elementwise(torch.erf), 2 / math.pi * math.asin(2 / 3)),
        (Elementwise(torch.abs), 1),
        (Elementwise(torch.sin), (1 - math.exp(-2)) / 2),
    ):
        assert variance_variances(activation, ONE).weight == pytest.approx(1 / second_moment, rel=1e-8), activation


@pytest.mark.parametrize("name", FORMULAS)
def test_variance_preserves_the_variance_of_every_activation(name: str) -> None:
    def integrand(z: float) -> float:
        phi = float(FORMULAS[name](np.array(z)))
        return phi**2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    edges = [-12.0, *KINKS, 12.0]
    second_moment = sum(quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12)[0] for low, high in pairwise(edges))
    # the length map V(q) = sigma_w^2 E[phi(sqrt(q) z)^2] at its fixed point 1
    assert variance_variances(module(name), ONE).weight * second_moment == pytest.approx(1, abs=1e-8)


def test_variance_is_refused_where_no_variance_preserves_the_signal() -> None:
    functions: list[Callable[[Tensor], Tensor]] = [torch.zeros_like, torch.log, lambda x: (20 * x**2).exp()]
    for function in functions:
        with pytest.raises(UserError, match=r"^init=variance needs .*: use init=he, xavier or pytorch$"):
            variance_variances(Elementwise(function), ONE)


def test_variance_leaves_the_activation_as_it_was() -> None:
    for dtype in (torch.float32, torch.float64):
        activation = nn.PReLU(init=0.1).to(dtype)
        variance_variances(activation, ONE)
        assert (activation.weight.dtype, activation.weight.grad) == (dtype, None)
        assert activation.weight.item() == pytest.approx(0.1)


# draws


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("name", SCHEMES)
def test_weights_are_uniform_with_the_variance_of_the_scheme(name: str, activation: str) -> None:
    network = drawn(nn.Sequential(nn.Conv2d(40, 100, 3), nn.Linear(300, 400)), SCHEMES[name], activation)
    for layer, fan_in, fan_out in ((network[0], 360, 900), (network[1], 300, 400)):
        expected = SCHEMES[name](module(activation), Layer(fan_in, fan_out, is_hidden=False))
        weight = layer.weight.detach().double().flatten()
        n = len(weight)
        # the fourth moment of a uniform variable is 9/5 of its squared variance
        assert weight.var().item() == pytest.approx(expected.weight, rel=5 * math.sqrt(0.8 / n))
        assert abs(weight.mean().item()) < 5 * math.sqrt(expected.weight / n)
        bound = math.sqrt(3 * expected.weight)
        assert bound * (1 - 20 / n) < weight.abs().max().item() <= bound * (1 + 1e-6)
        bias = layer.bias.detach().double()
        assert bias.square().mean().item() == pytest.approx(expected.bias, rel=5 * math.sqrt(0.8 / len(bias)))


def test_every_convolution_and_linear_layer_is_drawn_and_nothing_else() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.PReLU(), nn.Sequential(nn.Linear(3, 2)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    drawn(network, he_variances)
    untouched = {name for name, value in state(network).items() if (value == 7).all()}
    assert untouched == {"1.weight", "1.bias", "2.weight"}
    for block in drawn(cnn(), he_variances).blocks[1:]:
        assert block.convolution.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_scheme_is_asked_with_the_activation_and_the_layer_once() -> None:
    asked: list[tuple[nn.Module, Layer]] = []

    def scheme(activation: nn.Module, layer: Layer) -> Variances:
        asked.append((activation, layer))
        return Variances(1.0, 0.5)

    activation = nn.Tanh()
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3), nn.Linear(5, 7))
    initialise(network, activation, scheme, torch.Generator().manual_seed(0))
    layers = [Layer(18, 27, False), Layer(18, 27), Layer(5, 7, False)]
    assert asked == [(activation, layer) for layer in layers]


# common random numbers


def test_activation_and_scheme_only_scale_the_draws() -> None:
    reference = state(drawn(cnn(), he_variances, "relu"))
    for name, scheme in SCHEMES.items():
        for activation in ("relu", "sigmoid"):
            found = state(drawn(cnn(activation=nn.PReLU), scheme, activation))
            for key, value in reference.items():
                if key.endswith("weight"):
                    fans = value[0].numel(), value.shape[0] * value[0, 0].numel()
                    layer = Layer(*fans, is_hidden=key not in ("blocks.0.convolution.weight", "classifier.weight"))
                    ratio = math.sqrt(scheme(module(activation), layer).weight / (2 / fans[0]))
                    assert torch.allclose(found[key], ratio * value, rtol=1e-5, atol=0), (name, activation, key)
    assert variance_variances(module("sigmoid"), ONE).weight > 1.2 * variance_variances(module("relu"), ONE).weight


def test_without_biases_the_weights_are_the_same() -> None:
    with_bias, without = drawn(cnn(), xavier_variances), drawn(cnn(nn.BatchNorm2d), xavier_variances)
    for first, second in zip(with_bias.blocks, without.blocks, strict=True):
        assert second.convolution.bias is None
        assert torch.equal(first.convolution.weight, second.convolution.weight)


def test_draws_come_from_the_given_generator_alone() -> None:
    torch.manual_seed(1)
    network = cnn()
    before = torch.get_rng_state()
    first = state(drawn(network, variance_variances))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, other = state(drawn(cnn(), variance_variances)), state(drawn(cnn(), variance_variances, seed=1))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_draws_stay_the_same_from_version_to_version() -> None:
    # finished studies could not be continued otherwise
    layer = drawn(nn.Conv2d(2, 2, 3), pytorch_variances, seed=7)
    assert layer.weight[1, 1, 2].tolist() == pytest.approx([0.032561, 0.114897, 0.216477], abs=1e-6)
    assert layer.bias.tolist() == pytest.approx([-0.052448, -0.131311], abs=1e-6)
