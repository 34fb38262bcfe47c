"""Mean-field theory against random networks that are wide enough for it, in float64."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from whyrelu.network.scalar import scalar_function
from whyrelu.theory.mean_field import chi_1, length_map

SEEDS, BATCH = 6, 4

pytestmark = pytest.mark.usefixtures("one_thread")


def gradients(phi: nn.Module, layers, x: Tensor, generator: torch.Generator) -> tuple[list[float], list[float], list]:
    """Mean squares of every layer's preactivations, and squared norms of gradients before and after the activation."""
    preactivations, outputs = [], []
    for layer in layers:
        preactivations.append(layer(x).requires_grad_())
        x = phi(preactivations[-1])
        outputs.append(x)
    direction = torch.randn(preactivations[-1].shape, generator=generator, dtype=torch.float64)
    found = torch.autograd.grad(preactivations[-1], [*preactivations, *outputs[:-1]], direction)
    lengths = [float(h.detach().square().mean()) for h in preactivations]
    before, after = found[: len(layers)], found[len(layers) :]
    return lengths, [float(g.square().sum()) for g in before], [float(g.square().sum()) for g in after]


def fully_connected(phi: nn.Module, variance: float, widths: Sequence[int]) -> tuple[np.ndarray, ...]:
    """What `gradients` gives, for some draws; each (seeds, layers)."""
    found = []
    for seed in range(SEEDS):
        generator = torch.Generator().manual_seed(seed)
        layers = []
        for inputs, outputs in itertools.pairwise(widths):
            layer = nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)
            nn.init.normal_(layer.weight, std=math.sqrt(variance / inputs), generator=generator)
            layers.append(layer)
        x = torch.randn(BATCH, widths[0], generator=generator, dtype=torch.float64)
        found.append(gradients(phi, layers, x, generator))
    return tuple(map(np.array, zip(*found, strict=True)))


def ratios(squares: np.ndarray) -> np.ndarray:
    return squares[:, :-1] / squares[:, 1:]


def predicted(phi: nn.Module, variance: float, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths, from inputs of length 1 on, and chi_1 at them but the last."""
    function, q = scalar_function(phi), [variance]
    while len(q) < layers:
        q.append(float(length_map(function, q[-1], variance)))
    return np.array(q), chi_1(function, q, variance)[:-1]


def within(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the mean over seeds, as a geometric mean over layers, agrees to 5%."""
    return bool(np.abs(np.exp(np.log(found.mean(0) / expected).mean()) - 1) < 0.05)


@pytest.mark.parametrize(
    ("phi", "variance"), [(nn.ReLU(), 2.0), (nn.Tanh(), 1.0), (nn.Sigmoid(), 3.41), (nn.Sigmoid(), 100.0)]
)
def test_gradients_of_wide_networks_follow_chi_1(phi, variance):
    lengths, before, _ = fully_connected(phi, variance, [512] * 13)
    q, chi = predicted(phi, variance, 12)
    assert within(ratios(before), chi)
    # every single layer too, with the noise of six seeds
    assert np.abs(ratios(before).mean(0) / chi - 1).max() < 0.15
    # lengths drift with the draw of each layer, so their growth is compared, not themselves
    assert within(lengths[:, 1:] / lengths[:, :-1], q[1:] / q[:-1])


def test_gradients_of_circular_convolutions_follow_chi_1():
    channels, found = 96, []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        shape, scale = (6, channels, channels, 3, 3), math.sqrt(2 / channels / 9)
        weights = torch.randn(shape, generator=generator, dtype=torch.float64) * scale

        def convolved(x: Tensor, w: Tensor) -> Tensor:
            return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="circular"), w)

        layers = [lambda x, w=w: convolved(x, w) for w in weights]
        x = torch.randn(2, channels, 6, 6, generator=generator, dtype=torch.float64)
        found.append(gradients(nn.GELU(), layers, x, generator)[1])
    assert within(ratios(np.array(found)), predicted(nn.GELU(), 2.0, 6)[1])


# what must not agree, or the tests above could not fail


def test_means_over_units_do_not_follow_chi_1_when_widths_vary():
    widths = [512, *np.geomspace(512, 64, 8).astype(int)]
    _, before, _ = fully_connected(nn.ReLU(), 2.0, widths)
    assert within(ratios(before), np.ones(7))
    assert not within(ratios(before / np.array(widths[1:])), np.ones(7))


def test_gradients_after_the_activation_do_not_follow_chi_1():
    # lengths change from layer to layer, and the slope belongs to the layer before
    _, before, after = fully_connected(nn.Tanh(), 1.0, [512] * 7)
    _, chi = predicted(nn.Tanh(), 1.0, 6)
    assert within(ratios(before)[:, :1], chi[:1])
    assert not within(ratios(after)[:, :1], chi[:1])
