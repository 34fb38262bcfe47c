from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from whyrelu.network.model import CNN, SMALLEST_MAP, layer_stages

SHAPES = [(8, 8, 1), (32, 32, 3), (28, 28, 1), (9, 9, 1), (17, 33, 2), (15, 64, 3), (5, 5, 1), (3, 4, 1), (1, 1, 1)]
DEPTHS = [1, 2, 3, 4, 5, 7, 8, 16, 31, 100]


pytestmark = pytest.mark.usefixtures("one_thread")


def halvings(height: int, width: int) -> int:
    """How often a map can be halved, each time rounding down, until a side would fall below 4."""
    count = 0
    while height // 2 >= 4 and width // 2 >= 4:
        height, width, count = height // 2, width // 2, count + 1
    return count


def build(shape: tuple[int, int, int], depth: int, width: int = 2, **changed: Any) -> CNN:
    return CNN(
        shape, **{"classes": 5, "depth": depth, "width": width, "activation": nn.ReLU, "norm": nn.Identity} | changed
    )


def images(shape: tuple[int, int, int], count: int = 2) -> Tensor:
    height, width, channels = shape
    generator = torch.Generator().manual_seed(0)
    return torch.randn((count, channels, height, width), generator=generator).contiguous(
        memory_format=torch.channels_last
    )


# the layout


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", DEPTHS)
def test_halvings_are_spread_evenly_over_the_depth(shape: tuple[int, int, int], depth: int) -> None:
    stages = layer_stages(depth, *shape[:2])
    assert len(stages) == depth
    assert stages[0] == 0
    assert all(after - before in (0, 1) for before, after in pairwise(stages))
    # as many halvings as the map and the depth allow ...
    assert stages[-1] == min(halvings(*shape[:2]), depth - 1)
    # ... and stages of the same length, up to one layer
    lengths = [stages.count(stage) for stage in set(stages)]
    assert max(lengths) - min(lengths) <= 1


def test_the_layout_of_the_studies() -> None:
    assert layer_stages(4, 8, 8) == [0, 0, 1, 1]
    assert layer_stages(8, 32, 32) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert layer_stages(2, 32, 32) == [0, 1]
    assert layer_stages(1, 32, 32) == [0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_maps_and_channels_of_every_layer(shape: tuple[int, int, int], depth: int) -> None:
    network = build(shape, depth, width=3)
    found: list[tuple[int, ...]] = []
    for block in network.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: found.append(tuple(output.shape[1:])))
    with torch.no_grad():
        network(images(shape))
    height, width, _ = shape
    expected = [(3 * 2**stage, height >> stage, width >> stage) for stage in layer_stages(depth, height, width)]
    assert found == expected
    assert min(min(size[1:]) for size in found) >= min(SMALLEST_MAP, height, width)


# running


@pytest.mark.parametrize(
    ("shape", "depth"),
    [*((shape, depth) for shape in SHAPES for depth in (1, 2, 7)), *((shape, 100) for shape in SHAPES[:3])],
)
def test_every_depth_runs_on_every_size(shape: tuple[int, int, int], depth: int) -> None:
    with torch.no_grad():
        logits = build(shape, depth)(images(shape))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


@pytest.mark.parametrize("depth", [1, 4, 100])
def test_depth_is_the_number_of_convolutions_and_of_activations(depth: int) -> None:
    modules = list(build((8, 8, 1), depth, activation=nn.Tanh).modules())
    assert sum(isinstance(module, nn.Conv2d) for module in modules) == depth
    assert sum(isinstance(module, nn.Tanh) for module in modules) == depth
    assert sum(isinstance(module, nn.Linear) for module in modules) == 1
    assert not any(isinstance(module, nn.Dropout) for module in modules)


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)])
@pytest.mark.parametrize("depth", [1, 3, 16])
@pytest.mark.parametrize(
    ("norm", "per_channel"),
    # a bias without norm; scale and shift of a batch norm, which makes the bias redundant
    [(nn.Identity, 1), (nn.BatchNorm2d, 2)],
)
def test_the_number_of_parameters(
    shape: tuple[int, int, int], depth: int, norm: type[nn.Module], per_channel: int
) -> None:
    network = build(shape, depth, width=4, classes=7, norm=norm)
    inputs, expected = shape[2], 0
    for stage in layer_stages(depth, *shape[:2]):
        outputs = 4 * 2**stage
        expected += 9 * inputs * outputs + per_channel * outputs
        inputs = outputs
    expected += 7 * inputs + 7
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(("norm", "has_bias"), [(nn.Identity, True), (nn.BatchNorm2d, False)])
def test_a_norm_replaces_the_bias_of_the_convolution(norm: type[nn.Module], has_bias: bool) -> None:
    for block in build((8, 8, 1), 4, norm=norm).blocks:
        assert (block.convolution.bias is not None) == has_bias
        assert isinstance(block.norm, norm)


def test_a_block_pools_convolves_normalises_and_activates_in_this_order() -> None:
    network = build((8, 8, 1), 2, norm=nn.BatchNorm2d, activation=nn.Tanh).eval()
    x = images((8, 8, 1))
    with torch.no_grad():
        for block in network.blocks:
            block.norm.running_mean.fill_(0.1)
        first, second = network.blocks
        a = first.norm(first.convolution(x)).tanh()
        b = second.norm(second.convolution(nn.functional.max_pool2d(a, 2))).tanh()
        assert torch.allclose(network(x), network.classifier(b.mean((2, 3))), atol=1e-6)


def test_each_layer_has_an_activation_of_its_own() -> None:
    network = build((8, 8, 1), 6, activation=nn.PReLU)
    assert sum(isinstance(module, nn.PReLU) for module in network.modules()) == 6
    assert sum(name.endswith("activation.weight") for name, _ in network.named_parameters()) == 6


def test_classes_and_features_do_not_depend_on_the_size_of_the_map() -> None:
    network = build((32, 32, 3), 8, width=2)
    assert network.classifier.in_features == 16
    with torch.no_grad():
        assert network(images((40, 48, 3))).shape == (2, 5)


# memory and precision


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)])
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


@pytest.mark.parametrize("norm", [nn.Identity, nn.BatchNorm2d])
def test_float64(norm: Callable[[int], nn.Module]) -> None:
    network = build((8, 8, 1), 4, norm=norm).double().eval()
    x = images((8, 8, 1)).double()
    logits = network(x)
    assert logits.dtype == torch.float64
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float64 for p in network.parameters())
    with torch.no_grad():
        assert torch.allclose(network.float()(x.float()).double(), logits, atol=1e-5)


def test_the_same_image_gives_the_same_logits_whatever_its_batch() -> None:
    network = build((8, 8, 1), 4, width=4)
    x = images((8, 8, 1), count=6)
    with torch.no_grad():
        assert torch.allclose(network(x)[2:3], network(x[2:3]), atol=1e-6)
