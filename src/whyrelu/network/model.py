"""The network of the experiment: a plain convolutional network without shortcuts, dropout or tricks."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

# The map is halved while its shorter side stays at least this long.
SMALLEST_MAP = 4


def layer_stages(depth: int, height: int, width: int) -> list[int]:
    """Return for each of the `depth` layers how often the map has been halved before it, as evenly as can be."""
    # the whole image, and what each halving leaves that keeps the smallest map
    stages = max(1, min((min(height, width) // SMALLEST_MAP).bit_length(), depth))
    return [layer * stages // depth for layer in range(depth)]


class Block(nn.Module):
    """A 3x3 convolution with zero padding, the norm, and the activation, after a 2x2 max pooling where asked for."""

    def __init__(
        self, in_channels: int, out_channels: int, halve: bool, norm: Callable[[int], nn.Module], activation: nn.Module
    ) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if halve else nn.Identity()
        self.norm = norm(out_channels)
        # a batch norm has its own bias, which makes the convolution's redundant
        self.convolution = nn.Conv2d(
            in_channels, out_channels, kernel_size=3, padding=1, bias=isinstance(self.norm, nn.Identity)
        )
        self.activation = activation

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H', W'); a shortcut is added before the activation."""
        h = self.norm(self.convolution(self.pool(x)))
        return self.activation(h if shortcut is None else h + shortcut)  # type: ignore[no-any-return]


class CNN(nn.Module):
    """`depth` blocks whose channels double at each halving of the map, global average pooling, a linear classifier.

    `image_shape` is (height, width, channels), and `width` the channels of the first convolution. `norm` maps a number
    of channels to the module between convolution and activation.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        classes: int,
        depth: int,
        width: int,
        activation: Callable[[], nn.Module],
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        height, image_width, channels = image_shape
        blocks: list[nn.Module] = []
        previous_stage = 0
        for stage in layer_stages(depth, height, image_width):
            out_channels = width * 2**stage
            blocks.append(Block(channels, out_channels, stage > previous_stage, norm, activation()))
            channels, previous_stage = out_channels, stage
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels, classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, classes)."""
        return self.classifier(self.blocks(x).mean((2, 3)))  # type: ignore[no-any-return]


class ShortcutCNN(CNN):
    """The same with an identity shortcut around every two convolutions (He et al. 2015, 1512.03385).

    It is added before the second activation. Where the map is halved it is max-pooled, too, and where channels change
    it is a 1x1 convolution. At an odd depth the last convolution has none.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.shortcuts = nn.ModuleList(map(self._shortcut, self.blocks[::2], self.blocks[1::2]))
        self.to(memory_format=torch.channels_last)

    @staticmethod
    def _shortcut(first: Any, second: Any) -> nn.Module:
        inputs, outputs = first.convolution.in_channels, second.convolution.out_channels
        same = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)
        return nn.Sequential(first.pool, second.pool, same)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, classes)."""
        for first, second, shortcut in zip(self.blocks[::2], self.blocks[1::2], self.shortcuts, strict=False):
            x = second(first(x), shortcut(x))
        x = self.blocks[-1](x) if len(self.blocks) % 2 else x
        return self.classifier(x.mean((2, 3)))  # type: ignore[no-any-return]
