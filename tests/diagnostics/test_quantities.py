"""The numbers of a layer on layers made by hand, where they are known."""

import math

import numpy as np
import pytest
import torch

from whyrelu.diagnostics import quantities


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_gradient_norm_is_of_whole_images():
    # two images with norms 5 and 13
    gradient = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[5.0, 0.0], [0.0, 12.0]]])
    assert quantities.gradient_norm(gradient).item() == pytest.approx(math.sqrt((25 + 169) / 2))
    # a mean over units would be another number
    assert quantities.gradient_norm(gradient).item() != pytest.approx(gradient.square().mean().sqrt().item())


def test_gradients_whose_squares_underflow_are_measured():
    gradient = torch.full((3, 4), 1e-30)
    assert gradient.square().sum() == 0
    assert quantities.gradient_norm(gradient).item() == pytest.approx(2e-30)
    assert quantities.norm(gradient).item() == pytest.approx(math.sqrt(12) * 1e-30)
    assert quantities.mean_square(gradient).item() == pytest.approx(1e-60)


def test_gradient_of_saturated_units_is_relative_to_the_others():
    gradient = torch.tensor([[3.0, 4.0], [1.0, -1.0]])
    ratio = quantities.gradient_ratio
    assert ratio(gradient, torch.tensor([[False, True], [True, False]])).item() == pytest.approx(math.sqrt(17 / 10))
    assert ratio(gradient, torch.tensor([[True, False], [False, False]])).item() == pytest.approx(3 / math.sqrt(6))
    none = torch.zeros(2, 2, dtype=torch.bool)
    assert ratio(gradient, none).isnan() and ratio(gradient, ~none).isnan()


def test_dead_channels_do_not_vary_over_images():
    outputs = random(5, 4, 3, 3).relu()
    outputs[:, 1] = 0  # a dead ReLU
    outputs[:, 2] = random(1, 3, 3, seed=1)  # varies over the map, not over images
    outputs[:, 3] = 0
    outputs[4, 3, 2, 1] = 1e-20  # a single image, a single pixel
    assert quantities.is_constant(outputs).tolist() == [False, True, True, False]
    # of a fully connected layer
    assert quantities.is_constant(outputs[:, :2, 0, 0]).tolist() == [False, True]


@pytest.mark.parametrize("ratio", [1.0, 0.5, 1e-5])
def test_collapse_ratio_of_a_known_mixture(ratio):
    h = random(50, 20).double()
    h = (h - h.mean(0)) / h.std(0, correction=0)
    common = math.sqrt(1 - ratio**2) * random(20, seed=1).double().sign()
    assert quantities.collapse_ratio(common + ratio * h).item() == pytest.approx(ratio, rel=1e-9)


def test_collapse_ratio_ends_at_the_round_off_of_float32():
    h = 1 + 1e-12 * random(50, 20).double()
    assert quantities.collapse_ratio(h).item() == pytest.approx(1e-12, rel=0.1)
    assert quantities.collapse_ratio(h.float()).item() < 2**-23


@pytest.mark.parametrize("dimensions", [1, 5])
def test_effective_rank_of_equal_directions(dimensions):
    # images at +-1 along each of some orthogonal directions
    directions = torch.linalg.qr(random(30, 30))[0][:dimensions]
    features = torch.cat([directions, -directions]) + random(30, seed=2)
    assert quantities.effective_rank(features).item() == pytest.approx(dimensions, rel=1e-5)


def test_effective_rank_is_that_of_the_singular_values():
    output = random(12, 5, 4, 4)
    singular = np.linalg.svd((output - output.mean(0)).reshape(12, -1).double().numpy(), compute_uv=False)
    shares = singular[:-1] / singular[:-1].sum()  # the last is zero: the images are centred
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert quantities.effective_rank(output).item() == pytest.approx(expected, rel=1e-6)


def test_effective_rank_of_images_that_are_all_the_same_is_not_defined():
    assert math.isnan(quantities.effective_rank(torch.ones(4, 6)))
