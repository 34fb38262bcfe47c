"""The network of every implementation: whyrelu's own, with the same initial weights."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.setting import CLASSES, IMAGE_SHAPE, WIDTH
from whyrelu.network.initialisation import critical_variances, initialise
from whyrelu.network.model import CNN


def build(depth: int, activation: type[nn.Module] = nn.ReLU, seed: int = 0) -> CNN:
    """Return the network as whyrelu builds it, in channels-last memory format; for ReLU the init is He's."""
    network = CNN(IMAGE_SHAPE, CLASSES, depth, WIDTH, activation, lambda channels: nn.Identity())
    initialise(network, activation(), critical_variances, torch.Generator().manual_seed(seed))
    return network
