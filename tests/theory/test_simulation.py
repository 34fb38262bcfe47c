"""The theory against random networks that are wide enough for it, in float64."""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.nn import functional
from whyrelu.config.composition import CONFIG_DIRECTORY

from whyrelu.network.activations import activation_factory
from whyrelu.network.scalar import ScalarFunction, scalar_function
from whyrelu.theory.convolution import zero_padding_factor
from whyrelu.theory.mean_field import chi_1, length_map, matched_weight_variance

ACTIVATIONS = (
    *("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "elu", "softplus", "softsign", "identity"),
    *("rescaled_sigmoid", "hardtanh"),
)
INITS = {"pytorch": 1 / 3, "xavier": 1.0, "he": 2.0, "critical": None}
WIDTH, LAYERS, SEEDS, BATCH = 512, 12, 6, 4
Net = Callable[[int, Tensor], Tensor]

pytestmark = pytest.mark.usefixtures("one_thread")


def module(name: str) -> nn.Module:
    return activation_factory(OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / f"activation/{name}.yaml")))()


@cache
def function(name: str) -> ScalarFunction:
    return scalar_function(module(name))


def sigma_w2(name: str, init: str) -> float:
    return INITS[init] or matched_weight_variance(function(name))


def weights(shape: Sequence[int], variance: float, generator: torch.Generator) -> Tensor:
    fan_in = math.prod(shape[1:])
    return torch.randn(shape, generator=generator, dtype=torch.float64) * math.sqrt(variance / fan_in)


def run(phi: nn.Module, layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor, generator: torch.Generator):
    """Preactivations and outputs of every layer, and the gradients of a random direction of the last preactivation."""
    preactivations, outputs = [], []
    for layer in layers:
        preactivations.append(layer(x).requires_grad_())
        x = phi(preactivations[-1])
        outputs.append(x)
    direction = torch.randn(preactivations[-1].shape, generator=generator, dtype=torch.float64)
    kept = [*preactivations, *outputs[:-1]]
    gradients = torch.autograd.grad(preactivations[-1], kept, direction)
    count = len(layers)
    return preactivations, gradients[:count], gradients[count:]


def fully_connected(name: str, variance: float, widths: Sequence[int], seed: int):
    generator = torch.Generator().manual_seed(seed)
    shapes = zip(widths[1:], widths, strict=False)

    def layer(w: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: x @ w.T

    layers = [layer(weights(shape, variance, generator)) for shape in shapes]
    x = torch.randn(BATCH, widths[0], generator=generator, dtype=torch.float64)
    return run(module(name), layers, x, generator)


def convolutional(
    name: str, variance: float, padding: str, seed: int, channels: int = 96, side: int = 6, count: int = 6
):
    generator = torch.Generator().manual_seed(seed)

    def layer(w: Tensor) -> Callable[[Tensor], Tensor]:
        mode = {"circular": "circular", "zeros": "constant"}[padding]
        return lambda x: functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode=mode), w)

    layers = [layer(weights((channels, channels, 3, 3), variance, generator)) for _ in range(count)]
    x = torch.randn(2, channels, side, side, generator=generator, dtype=torch.float64)
    return run(module(name), layers, x, generator)


def ratios(gradients: Sequence[Tensor]) -> np.ndarray:
    """Ratio of summed squared norms of each layer to the next."""
    sums = np.array([float(gradient.square().sum()) for gradient in gradients])
    return sums[:-1] / sums[1:]


def predicted(name: str, variance: float, first: float, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths, by the recursion from that of the first layer, and chi_1 at them."""
    q = [first]
    while len(q) < layers:
        q.append(float(length_map(function(name), q[-1], variance)))
    return np.array(q), chi_1(function(name), q, variance)[:-1]


def within(found: np.ndarray, expected: np.ndarray, tolerance: float = 0.05) -> bool:
    """Whether the mean over seeds, as a geometric mean over layers, agrees."""
    return bool(np.abs(np.exp(np.log(found.mean(0) / expected).mean()) - 1) < tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("init", ["xavier", "he", "critical"])
def test_gradients_of_wide_nets_follow_chi_1(name, init):
    variance = sigma_w2(name, init)
    runs = [fully_connected(name, variance, [WIDTH] * (LAYERS + 1), seed) for seed in range(SEEDS)]
    found = np.array([ratios(gradients) for _, gradients, _ in runs])
    lengths = np.array([[float(h.detach().square().mean()) for h in preactivations] for preactivations, *_ in runs])
    q, chi = predicted(name, variance, variance, LAYERS)
    assert within(found, chi)
    # every single layer too, with the noise of six seeds
    assert np.abs(found.mean(0) / chi - 1).max() < 0.15
    # lengths drift with the draw of each layer, so their growth is compared, not themselves
    assert within(lengths[:, 1:] / lengths[:, :-1], q[1:] / q[:-1])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("init", ["pytorch", "he", "critical"])
def test_gradients_of_circular_convolutions_follow_chi_1(name, init):
    variance = sigma_w2(name, init)
    runs = [convolutional(name, variance, "circular", seed) for seed in range(4)]
    _, chi = predicted(name, variance, variance, 6)
    assert within(np.array([ratios(gradients) for _, gradients, _ in runs]), chi)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "identity"])
def test_zero_padding_lowers_chi_1_by_its_factor(name):
    # whose chi_1 does not depend on the length, which varies over the map
    runs = [convolutional(name, 2.0, "zeros", seed, channels=64, count=9) for seed in range(4)]
    # the layers far from the last, whose gradients have their final shape
    found = np.array([ratios(gradients)[:4] for _, gradients, _ in runs])
    chi = np.full(4, float(chi_1(function(name), 1.0, 2.0)))
    assert within(found, chi * zero_padding_factor(6))
    assert not within(found, chi)


# what must not agree, or the tests above could not fail


def test_means_over_elements_do_not_follow_chi_1_when_widths_vary():
    runs = [fully_connected("relu", 2.0, [512, *np.geomspace(512, 64, 8).astype(int)], seed) for seed in range(SEEDS)]
    sums = np.array([ratios(gradients) for _, gradients, _ in runs])
    means = np.array([[float(g.square().mean()) for g in gradients] for _, gradients, _ in runs])
    assert within(sums, np.ones(7))
    assert not within(means[:, :-1] / means[:, 1:], np.ones(7))


@pytest.mark.parametrize("name", ["tanh", "gelu"])
def test_gradients_after_the_activation_do_not_follow_chi_1(name):
    # lengths change from layer to layer, and the slope belongs to the layer before
    runs = [fully_connected(name, 1.0, [WIDTH] * 7, seed) for seed in range(SEEDS)]
    before = np.array([ratios(gradients)[:1] for _, gradients, _ in runs])
    after = np.array([ratios(gradients)[:1] for *_, gradients in runs])
    _, chi = predicted(name, 1.0, 1.0, 6)
    assert within(before, chi[:1])
    assert not within(after, chi[:1])
