"""Mean-field theory against random networks that are wide enough for it, in float64."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from whyrelu.network.scalar import scalar_function
from whyrelu.theory.mean_field import chi_1, length_map

SEEDS, BATCH = 6, 4

pytestmark = pytest.mark.usefixtures("one_thread")


def simulated(phi: nn.Module, variance: float, widths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares of preactivations, and squared norms of their gradients, of some draws; both (seeds, layers)."""
    lengths, gradients = [], []
    for seed in range(SEEDS):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(BATCH, widths[0], generator=generator, dtype=torch.float64)
        preactivations = []
        for inputs, outputs in itertools.pairwise(widths):
            weights = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
            preactivations.append((x @ weights.T * math.sqrt(variance / inputs)).requires_grad_())
            x = phi(preactivations[-1])
        direction = torch.randn(preactivations[-1].shape, generator=generator, dtype=torch.float64)
        found = torch.autograd.grad(preactivations[-1], preactivations, direction)
        lengths.append([float(h.detach().square().mean()) for h in preactivations])
        gradients.append([float(gradient.square().sum()) for gradient in found])
    return np.array(lengths), np.array(gradients)


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
    lengths, gradients = simulated(phi, variance, [512] * 13)
    q, chi = predicted(phi, variance, 12)
    assert within(ratios(gradients), chi)
    # every single layer too, with the noise of six seeds
    assert np.abs(ratios(gradients).mean(0) / chi - 1).max() < 0.15
    # lengths drift with the draw of each layer, so their growth is compared, not themselves
    assert within(lengths[:, 1:] / lengths[:, :-1], q[1:] / q[:-1])


def test_means_over_units_do_not_follow_chi_1_when_widths_vary():
    widths = [512, *np.geomspace(512, 64, 8).astype(int)]
    _, gradients = simulated(nn.ReLU(), 2.0, widths)
    assert within(ratios(gradients), np.ones(7))
    assert not within(ratios(gradients / np.array(widths[1:])), np.ones(7))
