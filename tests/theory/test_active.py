import math

import pytest
import torch
from torch import nn

from whyrelu.diagnostics.saturation import slope_scale
from whyrelu.network.activations import centred_sigmoid, rescaled_sigmoid
from whyrelu.network.scalar import scalar_function
from whyrelu.theory.active import active_set


def found(activation):
    return active_set(scalar_function(activation).slope, slope_scale(activation).threshold)


def test_sigmoid_is_exact():
    # s (1 - s) = 0.05 / 4
    root = math.log((1 + math.sqrt(0.95)) / (1 - math.sqrt(0.95)))
    assert found(nn.Sigmoid()) == pytest.approx((-root, root, 2 * root), abs=1e-8)
    assert found(nn.Tanh()) == pytest.approx((-root / 2, root / 2, root), abs=1e-8)


@pytest.mark.parametrize("variant", [centred_sigmoid, rescaled_sigmoid])
def test_variants_of_sigmoid_are_active_where_it_is(variant):
    assert found(variant) == pytest.approx(found(nn.Sigmoid()), abs=1e-8)


def test_unbounded():
    assert found(nn.ReLU()) == (0.0, math.inf, math.inf)
    assert found(nn.LeakyReLU(0.2)) == (-math.inf, math.inf, math.inf)
    assert found(nn.Identity()) == (-math.inf, math.inf, math.inf)


def test_hard_edges_and_gaps():
    assert found(nn.Hardtanh()) == pytest.approx((-1, 1, 2), abs=1e-6)
    # gelu's slope is zero once between its dip and its rise, which is not active
    gelu = found(nn.GELU())
    assert gelu.high == math.inf and gelu.low < -1
    gap = found(lambda x: torch.relu(x - 1).clamp(max=1) + torch.relu(-x - 1).clamp(max=1))
    assert gap == pytest.approx((-2, 2, 2), abs=1e-6)


def test_no_slope_at_all():
    nothing = found(lambda x: x * 0)
    assert all(math.isnan(end) for end in nothing)


def test_widths_in_closed_form():
    # sech^2(x) = 1/20 at arcosh(sqrt(20)); sigmoid is tanh at half the scale; 1 / (1 + x)^2 = 1/20
    half = math.acosh(math.sqrt(20))
    widths = {nn.Tanh(): 2 * half, nn.Sigmoid(): 4 * half, nn.Softsign(): 2 * (math.sqrt(20) - 1), nn.Hardtanh(): 2}
    for activation, width in widths.items():
        assert found(activation).width == pytest.approx(width, abs=1e-6)
