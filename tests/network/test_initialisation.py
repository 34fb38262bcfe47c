import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from scipy.integrate import quad
from torch import Tensor, nn
from whyrelu.config.composition import CONFIG_DIRECTORY

from formulas import FORMULAS, KINKS
from whyrelu.errors import UserError
from whyrelu.network.activations import Elementwise, activation_factory
from whyrelu.network.initialisation import (
    Scheme,
    Variances,
    critical_variances,
    critical_weight_variance,
    he_variances,
    initialise,
    pytorch_variances,
    xavier_variances,
)
from whyrelu.network.model import CNN

SCHEMES = {
    path.stem: get_object(OmegaConf.load(path)._target_) for path in sorted((CONFIG_DIRECTORY / "init").glob("*.yaml"))
}

pytestmark = pytest.mark.usefixtures("one_thread")


def module(name: str) -> nn.Module:
    config = OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / "activation" / f"{name}.yaml"))
    return activation_factory(config)()  # type: ignore[arg-type]


def drawn(network: nn.Module, scheme: Scheme, activation: str = "tanh", seed: int = 0) -> nn.Module:
    initialise(network, module(activation), scheme, torch.Generator().manual_seed(seed))
    return network


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


# variances


def test_conf_names_the_four_schemes() -> None:
    assert list(SCHEMES.items()) == [
        ("critical", critical_variances),
        ("he", he_variances),
        ("pytorch", pytorch_variances),
        ("xavier", xavier_variances),
    ]


@pytest.mark.parametrize(
    ("scheme", "weight", "bias"),
    [
        (pytorch_variances, 1 / (3 * 18), 1 / (3 * 18)),
        (xavier_variances, 2 / (18 + 45), 0),
        (he_variances, 2 / 18, 0),
        (critical_variances, 2 / 18, 0),
    ],
)
def test_variances_are_those_of_the_papers(scheme: Scheme, weight: float, bias: float) -> None:
    found = scheme(nn.ReLU(), 18, 45)
    assert found.weight == pytest.approx(weight, rel=1e-12)
    assert found.bias == pytest.approx(bias)


def test_critical_for_relu_is_he() -> None:
    assert critical_weight_variance(nn.ReLU()) == pytest.approx(2, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "second_moment"),
    [
        (nn.Identity(), 1),
        (nn.ReLU(), 1 / 2),
        (nn.LeakyReLU(0.2), (1 + 0.2**2) / 2),
        (nn.PReLU(init=0.25), (1 + 0.25**2) / 2),
        (Elementwise(torch.erf), 2 / math.pi * math.asin(2 / 3)),
        (Elementwise(torch.abs), 1),
        (Elementwise(torch.sin), (1 - math.exp(-2)) / 2),
    ],
    ids=repr,
)
def test_critical_variance_where_it_is_known_in_closed_form(activation: nn.Module, second_moment: float) -> None:
    assert critical_weight_variance(activation) == pytest.approx(1 / second_moment, rel=1e-8)


@pytest.mark.parametrize("name", FORMULAS)
def test_critical_preserves_the_variance_of_every_activation(name: str) -> None:
    def integrand(z: float) -> float:
        phi = float(FORMULAS[name](np.array(z)))
        return phi**2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    edges = [-12.0, *KINKS, 12.0]
    second_moment = sum(quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12)[0] for low, high in pairwise(edges))
    # the length map V(q) = sigma_w^2 E[phi(sqrt(q) z)^2] at its fixed point 1
    assert critical_weight_variance(module(name)) * second_moment == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("function", [torch.zeros_like, torch.log, lambda x: (20 * x**2).exp()])
def test_critical_is_refused_where_no_variance_preserves_the_signal(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(UserError, match=r"^init=critical needs .*: use init=he, xavier or pytorch$"):
        critical_weight_variance(Elementwise(function))


def test_critical_does_not_depend_on_what_was_asked_before() -> None:
    before = critical_weight_variance(nn.Tanh())
    critical_weight_variance(nn.ReLU(inplace=True))
    assert critical_weight_variance(nn.Tanh()) == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_critical_leaves_the_activation_as_it_was(dtype: torch.dtype) -> None:
    activation = nn.PReLU(init=0.1).to(dtype)
    critical_weight_variance(activation)
    assert activation.weight.dtype == dtype
    assert activation.weight.item() == pytest.approx(0.1)
    assert activation.weight.grad is None


# draws


def wide() -> nn.Module:
    return nn.Sequential(nn.Conv2d(40, 100, 3), nn.Identity(), nn.Linear(300, 400))


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("name", SCHEMES)
def test_weights_have_the_variance_of_the_scheme(name: str, activation: str) -> None:
    network = drawn(wide(), SCHEMES[name], activation)
    for layer, fan_in, fan_out in ((network[0], 360, 900), (network[2], 300, 400)):  # type: ignore[index]
        expected = SCHEMES[name](module(activation), fan_in, fan_out)
        weight = layer.weight.detach().double().flatten()
        n = len(weight)
        # the fourth moment of a uniform variable is 9/5 of its squared variance
        assert weight.var().item() == pytest.approx(expected.weight, rel=5 * math.sqrt(0.8 / n))
        assert abs(weight.mean().item()) < 5 * math.sqrt(expected.weight / n)
        bound = math.sqrt(3 * expected.weight)
        assert bound * (1 - 20 / n) < weight.abs().max().item() <= bound * (1 + 1e-6)
        bias = layer.bias.detach().double()
        assert bias.square().mean().item() == pytest.approx(expected.bias, rel=5 * math.sqrt(0.8 / len(bias)))


@pytest.mark.parametrize("make", [lambda: nn.Conv2d(3, 5, 3), lambda: nn.Linear(12, 6)])
def test_the_scheme_pytorch_draws_from_the_same_range_as_pytorch(make: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    layer = make()
    theirs, ours = {"weight": 0.0, "bias": 0.0}, {"weight": 0.0, "bias": 0.0}
    for seed in range(200):
        layer.reset_parameters()
        for key in theirs:
            theirs[key] = max(theirs[key], getattr(layer, key).abs().max().item())
        drawn(layer, pytorch_variances, seed=seed)
        for key in ours:
            ours[key] = max(ours[key], getattr(layer, key).abs().max().item())
    bound = 1 / math.sqrt(layer.weight[0].numel())
    for key in ours:
        assert 0.99 * bound < theirs[key] <= bound * (1 + 1e-6)
        assert 0.99 * bound < ours[key] <= bound * (1 + 1e-6)


def test_every_convolution_and_linear_layer_is_drawn_and_nothing_else() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.PReLU(), nn.Sequential(nn.Linear(3, 2)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    drawn(network, he_variances)
    untouched = {name for name, value in state(network).items() if (value == 7).all()}
    assert untouched == {"1.weight", "1.bias", "2.weight"}
    assert (network[0].bias == 0).all()


def test_the_scheme_is_asked_with_the_activation_and_the_fans() -> None:
    asked: list[tuple[nn.Module, int, int]] = []

    def scheme(activation: nn.Module, fan_in: int, fan_out: int) -> Variances:
        asked.append((activation, fan_in, fan_out))
        return Variances(1.0, 0.5)

    activation = nn.Tanh()
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3), nn.Linear(5, 7))
    initialise(network, activation, scheme, torch.Generator().manual_seed(0))
    assert asked == [(activation, 18, 27), (activation, 5, 7)]


# common random numbers


def network(norm: type[nn.Module] = nn.Identity, activation: Callable[[], nn.Module] = nn.Tanh) -> CNN:
    return CNN((8, 8, 1), 10, depth=4, width=3, activation=activation, norm=norm)


@pytest.mark.parametrize("name", ["pytorch", "xavier", "he"])
def test_the_activation_changes_no_draw(name: str) -> None:
    first = state(drawn(network(), SCHEMES[name], "relu"))
    second = state(drawn(network(activation=nn.PReLU), SCHEMES[name], "sigmoid"))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_under_critical_the_activation_only_scales_the_draws() -> None:
    first = state(drawn(network(), critical_variances, "relu"))
    second = state(drawn(network(), critical_variances, "sigmoid"))
    ratio = math.sqrt(critical_weight_variance(module("sigmoid")) / critical_weight_variance(module("relu")))
    assert ratio > 1.1
    for key, value in first.items():
        assert torch.allclose(second[key], ratio * value, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", SCHEMES)
def test_schemes_scale_the_same_draws(name: str) -> None:
    reference, other = drawn(network(), he_variances), drawn(network(), SCHEMES[name])
    for first, second in zip(reference.modules(), other.modules(), strict=True):
        if isinstance(first, nn.Conv2d | nn.Linear):
            fans = first.weight[0].numel(), first.weight.shape[0] * first.weight[0, 0].numel()
            ratio = math.sqrt(SCHEMES[name](module("tanh"), *fans).weight / (2 / fans[0]))
            assert torch.allclose(second.weight, ratio * first.weight, rtol=1e-5, atol=0)


def test_without_biases_the_weights_are_the_same() -> None:
    with_bias, without = drawn(network(), pytorch_variances), drawn(network(nn.BatchNorm2d), pytorch_variances)
    for first, second in zip(with_bias.blocks, without.blocks, strict=True):
        assert second.convolution.bias is None
        assert torch.equal(first.convolution.weight, second.convolution.weight)


def test_the_global_generator_neither_matters_nor_moves() -> None:
    torch.manual_seed(1)
    first_network = network()
    before = torch.get_rng_state()
    first = state(drawn(first_network, critical_variances))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = state(drawn(network(), critical_variances))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_another_seed_gives_other_weights() -> None:
    first, second = state(drawn(network(), he_variances)), state(drawn(network(), he_variances, seed=1))
    assert not torch.equal(first["classifier.weight"], second["classifier.weight"])


def test_draws_stay_the_same_from_version_to_version() -> None:
    # finished studies could not be continued otherwise
    layer = drawn(nn.Conv2d(2, 2, 3), pytorch_variances, seed=7)
    assert layer.weight[1, 1, 2].tolist() == pytest.approx([0.032561, 0.114897, 0.216477], abs=1e-6)
    assert layer.bias.tolist() == pytest.approx([-0.052448, -0.131311], abs=1e-6)


def test_weights_keep_their_memory_format() -> None:
    for block in drawn(network(), he_variances).blocks[1:]:
        assert block.convolution.weight.is_contiguous(memory_format=torch.channels_last)
