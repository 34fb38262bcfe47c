"""Layers read off a network, and networks that theory does not know."""

import numpy as np
import pytest
from torch import nn

from configured import configured
from whyrelu.network.model import CNN
from whyrelu.theory.configured import Theory
from whyrelu.theory.prediction import PlannedLayer


def test_layers_are_read_off_the_network(root):
    (config,) = configured(root, "depth=3", "width=4", "init=pytorch")
    layers, batch_norm = Theory().planned(config)
    assert not batch_norm
    assert [layer.pooled for layer in layers] == [False, False, True]
    assert [layer.weight_variance for layer in layers] == pytest.approx([1 / 3] * 3)
    assert [layer.bias_variance for layer in layers] == pytest.approx([1 / 27, 1 / 108, 1 / 108])


def test_shortcuts_have_the_variance_of_layers_that_are_not_hidden(root):
    (config,) = configured(root, "depth=7", "width=4", "init=gain", "init.gain=5", "model=shortcut")
    layers, _ = Theory().planned(config)
    # from the image to four channels, none, and where the map is halved before the fifth layer
    plain = PlannedLayer(pytest.approx(5), 0.0, pooled=False)
    assert layers == [
        plain._replace(weight_variance=pytest.approx(1)),
        plain._replace(shortcut=pytest.approx(1)),
        plain,
        plain._replace(shortcut=1.0, is_identity=True),
        plain._replace(pooled=True),
        plain._replace(shortcut=pytest.approx(1)),
        plain,
    ]
    (config,) = configured(root, "depth=2", "init=he", "model=shortcut")
    assert [layer.shortcut for layer in Theory().planned(config)[0]] == pytest.approx([0, 2])


@pytest.mark.parametrize(
    "change",
    [
        lambda block: setattr(block, "convolution", nn.Conv2d(1, 4, 5, padding=2)),
        lambda block: setattr(block, "convolution", nn.Conv2d(1, 4, 3, padding=1, stride=2)),
        lambda block: setattr(block, "convolution", nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular")),
        lambda block: setattr(block, "pool", nn.AvgPool2d(2)),
        lambda block: setattr(block, "norm", nn.InstanceNorm2d(4)),
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
    found = Theory().of(config)
    assert np.isnan(np.hstack(found)).all()
