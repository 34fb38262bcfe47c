"""The network of the experiment."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from whyrelu.network.model import CNN, ShortcutCNN, layer_stages

SHAPES = [(8, 8, 1), (32, 32, 3), (28, 28, 1), (9, 9, 1), (17, 33, 2), (15, 64, 3), (5, 5, 1), (3, 4, 1), (1, 1, 1)]

pytestmark = pytest.mark.usefixtures("one_thread")


def build(shape: tuple[int, int, int] = (8, 8, 1), depth: int = 4, width: int = 2, **changed: Any) -> CNN:
    settings = {"classes": 5, "depth": depth, "width": width, "activation": nn.ReLU, "norm": nn.Identity}
    return CNN(shape, **settings | changed)


def images(shape: tuple[int, int, int] = (8, 8, 1), count: int = 2) -> Tensor:
    height, width, channels = shape
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn((count, channels, height, width), generator=generator)
    return drawn.contiguous(memory_format=torch.channels_last)


def halvings(height: int, width: int) -> int:
    """How often a map can be halved, each time rounding down, until a side would fall below 4."""
    count = 0
    while height // 2 >= 4 and width // 2 >= 4:
        height, width, count = height // 2, width // 2, count + 1
    return count


def test_halvings_are_spread_evenly_over_the_depth():
    for height, width, _ in SHAPES:
        for depth in (1, 2, 3, 4, 5, 7, 8, 16, 31, 100):
            stages = layer_stages(depth, height, width)
            assert len(stages) == depth and stages[0] == 0
            assert all(after - before in (0, 1) for before, after in pairwise(stages))
            # as many halvings as the map and the depth allow, and stages of the same length, up to one layer
            assert stages[-1] == min(halvings(height, width), depth - 1)
            lengths = [stages.count(stage) for stage in set(stages)]
            assert max(lengths) - min(lengths) <= 1
    assert layer_stages(4, 8, 8) == [0, 0, 1, 1]
    assert layer_stages(8, 32, 32) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_depth_runs_on_every_size_in_the_layout_of_its_layers(shape):
    height, width, _ = shape
    for depth in (1, 2, 7):
        network, x, found = build(shape, depth, width=3), images(shape), []
        with torch.no_grad():
            logits = network(x)
            for block in network.blocks:
                x = block(x)
                found.append(tuple(x.shape[1:]))
        assert logits.shape == (2, 5) and logits.isfinite().all()
        assert found == [(3 * 2**s, height >> s, width >> s) for s in layer_stages(depth, height, width)]


def test_a_block_pools_convolves_normalises_and_activates_in_this_order():
    network = build(depth=2, norm=nn.BatchNorm2d, activation=nn.Tanh).eval()
    x = images()
    with torch.no_grad():
        for block in network.blocks:
            block.norm.running_mean.fill_(0.1)
        first, second = network.blocks
        a = first.norm(first.convolution(x)).tanh()
        b = second.norm(second.convolution(nn.functional.max_pool2d(a, 2))).tanh()
        assert torch.allclose(network(x), network.classifier(b.mean((2, 3))), atol=1e-6)


def test_weights_and_activations_are_channels_last():
    network, outputs = build((32, 32, 3), 5, width=4), []
    for block in network.blocks:
        for part in (block.convolution, block.activation):
            part.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    network(images((32, 32, 3)))
    assert len(outputs) == 10
    for tensor in [*outputs, *(block.convolution.weight for block in network.blocks)]:
        assert tensor.is_contiguous(memory_format=torch.channels_last)
        # a map of one pixel or one channel would be in every format at once
        assert not tensor.is_contiguous()


# shortcuts


def shortcut(shape: tuple[int, int, int], depth: int) -> ShortcutCNN:
    return ShortcutCNN(shape, 5, depth, width=2, activation=nn.Tanh, norm=nn.Identity)


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_a_shortcut_goes_around_every_two_convolutions(depth):
    for shape in SHAPES:
        network = shortcut(shape, depth)
        x = given = images(shape)
        pairs = [list(network.blocks[i : i + 2]) for i in range(0, depth, 2)]
        for i, pair in enumerate(pairs):
            h = pair[0](x)
            if len(pair) == 2:
                around = pair[1].pool(pair[0].pool(x))
                if isinstance(convolution := network.shortcuts[i][2], nn.Conv2d):
                    around = nn.functional.conv2d(around, convolution.weight)
                h = torch.tanh(pair[1].convolution(pair[1].pool(h)) + around)
            x = h
        assert torch.equal(network(given), network.classifier(x.mean((2, 3))))


def test_shortcuts_are_convolutions_where_channels_change_alone():
    # 3 -> 2 channels at the input, then 2 -> 4 -> 8 -> 16 where the map is halved
    assert [type(around[2]) for around in shortcut((32, 32, 3), 8).shortcuts] == [nn.Conv2d] * 4
    assert [type(around[2]) for around in shortcut((8, 8, 2), 12).shortcuts].count(nn.Identity) == 5
