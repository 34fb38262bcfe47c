"""Layers read off a network, and networks that theory does not know."""

import numpy as np
import pytest
from torch import nn

from configured import configured
from whyrelu.network.model import CNN
from whyrelu.theory.configured import Theory


def test_layers_are_read_off_the_network(root):
    (config,) = configured(root, "depth=3", "width=4", "init=pytorch")
    layers, batch_norm = Theory().planned(config)
    assert not batch_norm
    assert [layer.pooled for layer in layers] == [False, False, True]
    assert [layer.weight_variance for layer in layers] == pytest.approx([1 / 3] * 3)
    assert [layer.bias_variance for layer in layers] == pytest.approx([1 / 27, 1 / 108, 1 / 108])


def test_a_norm_that_the_theory_does_not_know_gives_no_prediction(root):
    (config,) = configured(root, "depth=2", "norm._target_=torch.nn.InstanceNorm2d")
    assert np.isnan(Theory().of(config).q).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda block: setattr(block, "convolution", nn.Conv2d(1, 4, 5, padding=2)),
        lambda block: setattr(block, "convolution", nn.Conv2d(1, 4, 3, padding=1, stride=2)),
        lambda block: setattr(block, "convolution", nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular")),
        lambda block: setattr(block, "pool", nn.AvgPool2d(2)),
    ],
)
def test_a_model_that_the_theory_does_not_know_gives_no_prediction(root, monkeypatch, change):
    class Changed(CNN):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            change(self.blocks[0])

    (config,) = configured(root, "depth=2", "width=4")
    assert np.isfinite(Theory().of(config).q).all()
    monkeypatch.setattr("whyrelu.network.model.CNN", Changed)
    assert np.isnan(Theory().of(config).q).all()
