"""From which slope on a unit counts as saturated."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from whyrelu.diagnostics.saturation import slope_scale
from whyrelu.errors import UserError
from whyrelu.network.activations import rescaled_sigmoid


def test_largest_slope_and_threshold() -> None:
    for activation, maximum in (
        (torch.relu, 1),
        (torch.sigmoid, 1 / 4),
        (torch.tanh, 1),
        (rescaled_sigmoid, 1),
        (functional.gelu, 1.1289041451851),
    ):
        scale = slope_scale(activation)
        assert scale.maximum == pytest.approx(maximum, rel=1e-9)
        assert scale.threshold == pytest.approx(maximum / 20, rel=1e-9)


def test_what_is_no_function_of_single_numbers_is_refused() -> None:
    with pytest.raises(UserError, match="not a function of single numbers"):
        slope_scale(nn.Softmax(dim=-1))
