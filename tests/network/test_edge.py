"""The weight variance at which gradients keep their size, against theory's own recursion."""

import numpy as np
import pytest
import torch
from torch import nn

from whyrelu.errors import UserError
from whyrelu.network import edge
from whyrelu.network.activations import Elementwise, relu_squared
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
def test_the_edge_is_where_it_is_known(activation, expected):
    assert edge.edge_weight_variance(activation) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Hardtanh()])
def test_the_product_of_chi_over_a_hundred_layers_is_one(activation):
    variance, phi = edge.edge_weight_variance(activation), scalar_function(activation)
    q, total = 1.0, 0.0
    for _ in range(edge.LAYERS):
        total += float(np.log(chi_1(phi, q, variance)))
        q = float(length_map(phi, q, variance))
    assert total == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("function", [relu_squared, torch.zeros_like])
def test_an_activation_without_an_edge_is_told(function, monkeypatch):
    if function is torch.zeros_like:
        # moments that are zero are not interpolated, which takes its time
        monkeypatch.setattr(edge, "LAYERS", 2)
    with pytest.raises(UserError, match=r"^init=edge needs a variance .* none: use init="):
        edge.edge_weight_variance(Elementwise(function))
