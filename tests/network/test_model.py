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


def test_halvings_are_spread_evenly_over_the_depth() -> None:
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
def test_every_depth_runs_on_every_size_in_the_layout_of_its_layers(shape: tuple[int, int, int]) -> None:
    height, width, _ = shape
    for depth in (1, 2, 7):
        network = build(shape, depth, width=3)
        x, found = images(shape), []
        with torch.no_grad():
            logits = network(x)
            for block in network.blocks:
                x = block(x)
                found.append(tuple(x.shape[1:]))
        assert logits.shape == (2, 5) and logits.isfinite().all()
        assert found == [(3 * 2**s, height >> s, width >> s) for s in layer_stages(depth, height, width)]


def test_depth_is_the_number_of_convolutions_and_of_activations() -> None:
    for depth in (1, 4, 30):
        network = build(depth=depth, activation=nn.PReLU)
        modules = list(network.modules())
        counts = [sum(isinstance(m, kind) for m in modules) for kind in (nn.Conv2d, nn.PReLU, nn.Linear, nn.Dropout)]
        assert counts == [depth, depth, 1, 0]
        # each activation with parameters of its own
        assert sum(name.endswith("activation.weight") for name, _ in network.named_parameters()) == depth


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)], ids=str)
def test_the_number_of_parameters(shape: tuple[int, int, int]) -> None:
    # a bias without norm; scale and shift of a batch norm, which makes the bias redundant
    for norm, per_channel in ((nn.Identity, 1), (nn.BatchNorm2d, 2)):
        for depth in (1, 3, 16):
            network = build(shape, depth, width=4, classes=7, norm=norm)
            inputs, expected = shape[2], 0
            for stage in layer_stages(depth, *shape[:2]):
                outputs = 4 * 2**stage
                expected += 9 * inputs * outputs + per_channel * outputs
                inputs = outputs
            expected += 7 * inputs + 7
            assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_a_block_pools_convolves_normalises_and_activates_in_this_order() -> None:
    network = build(depth=2, norm=nn.BatchNorm2d, activation=nn.Tanh).eval()
    x = images()
    with torch.no_grad():
        for block in network.blocks:
            block.norm.running_mean.fill_(0.1)
        first, second = network.blocks
        a = first.norm(first.convolution(x)).tanh()
        b = second.norm(second.convolution(nn.functional.max_pool2d(a, 2))).tanh()
        assert torch.allclose(network(x), network.classifier(b.mean((2, 3))), atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)], ids=str)
def test_weights_and_activations_are_channels_last(shape: tuple[int, int, int]) -> None:
    network = build(shape, 5, width=4)
    formats: list[bool] = []

    def note(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        formats.append(output.is_contiguous(memory_format=torch.channels_last))
        # a map of one pixel or one channel would be in every format at once
        assert not output.is_contiguous()

    for block in network.blocks:
        assert block.convolution.weight.is_contiguous(memory_format=torch.channels_last)
        for part in (block.convolution, block.activation):
            part.register_forward_hook(note)
    with torch.no_grad():
        network(images(shape))
    assert formats == [True] * 10


def test_precision_and_batch_change_logits_by_rounding_alone() -> None:
    for norm in (nn.Identity, nn.BatchNorm2d):
        network, x = build(norm=norm).double().eval(), images(count=6).double()
        logits = network(x)
        logits.sum().backward()
        assert all(p.grad is not None and p.grad.dtype == torch.float64 for p in network.parameters())
        with torch.no_grad():
            assert torch.allclose(network(x[2:3]), logits[2:3], atol=1e-12)
            assert torch.allclose(network.float()(x.float()).double(), logits, atol=1e-5)


# shortcuts


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_a_shortcut_goes_around_every_two_convolutions(shape: tuple[int, int, int], depth: int) -> None:
    settings: dict[str, Any] = {"classes": 5, "depth": depth, "width": 2, "activation": nn.Tanh, "norm": nn.Identity}
    network = ShortcutCNN(shape, **settings)
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


def test_shortcuts_are_convolutions_where_channels_change_alone() -> None:
    settings: dict[str, Any] = {"classes": 5, "depth": 8, "width": 2, "activation": nn.ReLU, "norm": nn.BatchNorm2d}
    network = ShortcutCNN((32, 32, 3), **settings)
    kinds = [type(shortcut[2]) for shortcut in network.shortcuts]
    # 3 -> 2 channels at the input, then 2 -> 4 -> 8 -> 16 where the map is halved
    assert kinds == [nn.Conv2d] * 4
    assert [type(s[2]) for s in ShortcutCNN((8, 8, 2), **settings | {"depth": 12}).shortcuts].count(nn.Identity) == 5
