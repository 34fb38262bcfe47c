"""The weight variance at which gradients keep their size, against theory's own recursion and wide networks."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from whyrelu.errors import UserError
from whyrelu.network.activations import Elementwise, relu_squared
from whyrelu.network.edge import LAYERS, edge_weight_variance
from whyrelu.network.scalar import scalar_function
from whyrelu.theory.mean_field import chi_1, length_map


@pytest.mark.parametrize(
    ("activation", "expected"),
    # homogeneous functions exactly, the others as published numerics have them
    [
        (nn.ReLU(), 2.0),
        (nn.Identity(), 1.0),
        (nn.LeakyReLU(0.2), 2 / (1 + 0.2**2)),
        (nn.Tanh(), 1.27),
        (nn.Sigmoid(), 99.4),
    ],
)
def test_the_edge_is_where_it_is_known(activation: nn.Module, expected: float) -> None:
    assert edge_weight_variance(activation) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Hardtanh()])
def test_the_product_of_chi_over_a_hundred_layers_is_one(activation: nn.Module) -> None:
    variance, phi = edge_weight_variance(activation), scalar_function(activation)
    q, total = 1.0, 0.0
    for _ in range(LAYERS):
        total += float(np.log(chi_1(phi, q, variance)))
        q = float(length_map(phi, q, variance))
    assert total == pytest.approx(0, abs=1e-2)


def test_gradients_of_a_wide_network_keep_their_size_there_and_nowhere_near() -> None:
    width, depth = 600, 20

    def ratio(variance: float) -> float:
        """Norm of the gradient at the first preactivation over that at the last, of a deep net of sigmoids."""
        generator = torch.Generator().manual_seed(0)
        h = torch.randn(width, dtype=torch.float64, generator=generator)
        states = [h.requires_grad_()]
        for _ in range(depth):
            weights = torch.randn(width, width, dtype=torch.float64, generator=generator) * (variance / width) ** 0.5
            states.append(weights @ states[-1].sigmoid())
        direction = torch.randn(width, dtype=torch.float64, generator=generator)
        (gradient,) = torch.autograd.grad(states[-1] @ direction, [states[0]])
        return float(gradient.norm() / direction.norm())

    edge = edge_weight_variance(nn.Sigmoid())
    assert 0.1 < ratio(edge) < 10
    assert ratio(edge / 8) < 1e-3
    assert ratio(edge * 8) > 1e3


@pytest.mark.parametrize("function", [relu_squared, torch.zeros_like, torch.exp])
def test_an_activation_without_an_edge_is_told(function: object) -> None:
    def phi(x: Tensor) -> Tensor:
        return function(x)  # type: ignore[operator, no-any-return]

    with pytest.raises(UserError, match=r"^init=edge needs a variance .* none: use init="):
        edge_weight_variance(Elementwise(phi))
