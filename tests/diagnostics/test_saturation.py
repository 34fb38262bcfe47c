"""From which slope on a unit counts as saturated."""

import pytest
import torch
from torch.nn import functional

from whyrelu.diagnostics.saturation import saturation_slope
from whyrelu.network.activations import rescaled_sigmoid


def test_a_twentieth_of_the_largest_slope() -> None:
    for activation, maximum in (
        (torch.relu, 1),
        (torch.sigmoid, 1 / 4),
        (torch.tanh, 1),
        (rescaled_sigmoid, 1),
        (functional.gelu, 1.1289041451851),
    ):
        assert saturation_slope(activation) == pytest.approx(maximum / 20, rel=1e-9)
