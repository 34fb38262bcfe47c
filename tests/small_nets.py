"""Small networks of the project, for tests that look inside them."""

import torch
from torch import Tensor, nn

from whyrelu.config.grid import compose
from whyrelu.network.initialisation import build_network


def network(*overrides: str, side: int = 8, classes: int = 10) -> nn.Module:
    config = compose(["width=4", "depth=3", *overrides])
    return build_network(config, (side, side, 1), classes)


def batch(count: int = 12, side: int = 8, classes: int = 10, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, side, side, generator=generator)
    return images, torch.randint(0, classes, (count,), generator=generator)
