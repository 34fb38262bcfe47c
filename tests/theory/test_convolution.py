import math

import numpy as np
import pytest

from whyrelu.theory.convolution import neighbourhood_mean, zero_padding_factor


@pytest.mark.parametrize("side", [1, 2, 4, 8, 32])
def test_factor_of_a_3x3_kernel(side):
    assert zero_padding_factor(side) == pytest.approx(((1 + 2 * math.cos(math.pi / (side + 1))) / 3) ** 2)


@pytest.mark.parametrize(("side", "kernel"), [(4, 3), (8, 3), (7, 5), (2, 5)])
def test_bookkeeping_by_pixel_approaches_the_factor(side, kernel):
    field = np.ones((side, side))
    for _ in range(300):
        before, field = field.sum(), neighbourhood_mean(field, kernel=kernel)
        ratio = field.sum() / before
        field = field / field.sum()
    assert ratio == pytest.approx(zero_padding_factor(side, kernel), rel=1e-9)


def test_the_first_layers_lose_more_than_the_factor_says():
    # uniform energy: (3 n - 2)^2 / (3 n)^2
    assert neighbourhood_mean(np.ones((8, 8))).mean() == pytest.approx((22 / 24) ** 2)
    assert neighbourhood_mean(np.ones((8, 8))).mean() < zero_padding_factor(8) - 0.05


def test_circular_padding_loses_nothing():
    field = np.random.default_rng(0).random((3, 5, 6))
    found = neighbourhood_mean(field, "circular")
    assert found.sum((1, 2)) == pytest.approx(field.sum((1, 2)))
    rolled = [np.roll(field, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert np.allclose(found, np.mean(rolled, axis=0))


def test_zeros_are_outside():
    field = np.arange(9.0).reshape(3, 3)
    assert neighbourhood_mean(field)[0, 0] == pytest.approx((0 + 1 + 3 + 4) / 9)
