"""The layers of a configured network, as far as theory knows them, read off the network itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from whyrelu.config.targets import bind
from whyrelu.data.arrays import Arrays
from whyrelu.network.model import ShortcutCNN


class Convolution(NamedTuple):
    """One convolution: what its initial variances depend on, and whether a max pooling precedes it."""

    fan_in: int
    fan_out: int
    has_bias: bool
    pooled: bool


class Plan(NamedTuple):
    """The convolutions from the input on, and whether each is followed by batch normalisation."""

    convolutions: list[Convolution]
    batch_norm: bool


def read_plan(config: Mapping[str, Any], arrays: Arrays) -> Plan | None:
    """Read the convolutions of a configuration off its network, built without memory.

    Returns:
        None for a network that is not made of blocks as those of `whyrelu.network.model`: 3x3 convolutions with zero
        padding, 2x2 max poolings, no norm or batch normalisation, and no shortcuts.
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
    if isinstance(network, ShortcutCNN):
        return None
    found = getattr(network, "blocks", None)
    blocks: list[Any] = list(found) if isinstance(found, nn.Sequential | nn.ModuleList) else []
    if not (blocks and all(map(_is_known, blocks))):
        return None
    norms = {type(block.norm) for block in blocks}
    if not (norms == {nn.Identity} or norms == {nn.BatchNorm2d}):
        return None
    convolutions = []
    for block in blocks:
        outward, inward, *window = block.convolution.weight.shape
        fans = inward * math.prod(window), outward * math.prod(window)
        has_bias = block.convolution.bias is not None
        convolutions.append(Convolution(*fans, has_bias, isinstance(block.pool, nn.MaxPool2d)))
    return Plan(convolutions, norms == {nn.BatchNorm2d})


def _is_known(block: nn.Module) -> bool:
    layer, pool = (getattr(block, name, None) for name in ("convolution", "pool"))
    if not (hasattr(block, "norm") and isinstance(layer, nn.Conv2d) and isinstance(pool, nn.Identity | nn.MaxPool2d)):
        return False
    plain = (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
    halves = isinstance(pool, nn.Identity) or (pool.kernel_size, pool.stride, pool.padding) == (2, 2, 0)
    return plain and halves and layer.groups == 1 and layer.padding_mode == "zeros"
