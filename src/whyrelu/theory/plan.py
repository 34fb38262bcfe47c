"""The layers of a configured network, as far as theory knows them, read off the network itself."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from whyrelu.config.targets import bind
from whyrelu.data.arrays import Arrays
from whyrelu.network.initialisation import Layer, Variances
from whyrelu.network.model import ShortcutCNN
from whyrelu.theory.prediction import PlannedLayer


def read_plan(
    config: Mapping[str, Any], arrays: Arrays, variances: Callable[[Layer], Variances]
) -> tuple[list[PlannedLayer], bool] | None:
    """Return the layers of a configuration and whether it has batch norm; its network is built without memory.

    None for a network that is not made of blocks and shortcuts as those of `whyrelu.network.model`: 3x3 convolutions
    with zero padding, 2x2 max poolings, no norm or batch normalisation.
    """
    height, width, channels = arrays.train_images.shape[1:]
    with torch.device("meta"):
        network = bind("model", config["model"])(
            image_shape=(height, width, channels),
            classes=len(arrays.classes),
            depth=config["depth"],
            width=config["width"],
            activation=nn.Identity,
            norm=bind("norm", config["norm"]),
        )
    found = getattr(network, "blocks", None)
    blocks: list[Any] = list(found) if isinstance(found, nn.Sequential | nn.ModuleList) else []
    norms = {type(getattr(block, "norm", None)) for block in blocks}
    if norms not in ({nn.Identity}, {nn.BatchNorm2d}) or not all(map(_is_known, blocks)):
        return None
    # each ends with a 1x1 convolution or an identity
    shortcuts = [list(whole.children())[-1] for whole in network.shortcuts] if isinstance(network, ShortcutCNN) else []
    layers = []
    for i, block in enumerate(blocks):
        weight, bias = _scaled(block.convolution, variances, is_hidden=i > 0)
        shortcut = shortcuts[i // 2] if i % 2 and i // 2 < len(shortcuts) else None
        layer = PlannedLayer(weight, bias, isinstance(block.pool, nn.MaxPool2d))
        if isinstance(shortcut, nn.Conv2d):
            layer = layer._replace(shortcut=_scaled(shortcut, variances, is_hidden=False)[0])
        elif shortcut is not None:
            layer = layer._replace(shortcut=1.0, is_identity=True)
        layers.append(layer)
    return layers, norms == {nn.BatchNorm2d}


def _scaled(convolution: nn.Conv2d, variances: Callable[[Layer], Variances], is_hidden: bool) -> tuple[float, float]:
    """sigma_w^2 and sigma_b^2 of a convolution."""
    outputs, inputs, *window = convolution.weight.shape
    layer = Layer(inputs * math.prod(window), outputs * math.prod(window), is_hidden)
    weight, bias = variances(layer)
    return layer.fan_in * weight, bias if convolution.bias is not None else 0.0


def _is_known(block: nn.Module) -> bool:
    layer, pool = (getattr(block, name, None) for name in ("convolution", "pool"))
    if not (isinstance(layer, nn.Conv2d) and isinstance(pool, nn.Identity | nn.MaxPool2d)):
        return False
    plain = (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
    halves = isinstance(pool, nn.Identity) or (pool.kernel_size, pool.stride, pool.padding) == (2, 2, 0)
    return plain and halves and layer.groups == 1 and layer.padding_mode == "zeros"
