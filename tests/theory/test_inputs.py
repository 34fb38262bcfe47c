"""What is measured of the images that a network is given."""

import numpy as np
import pytest

from whyrelu.data.arrays import load
from whyrelu.theory.inputs import input_statistics, spatial_correlation


def test_statistics_of_the_input(root):
    arrays = load(root / "digits")
    found = input_statistics(arrays)
    assert found.power.mean() == pytest.approx(1, rel=1e-6)
    flat = arrays.train_images[:300].reshape(300, -1).astype(float)
    flat = (flat - arrays.train_images.mean()) / arrays.train_images.std()
    products = flat @ flat.T
    pairs = (products.sum() - np.trace(products)) / (300 * 299)
    assert found.correlation == pytest.approx(pairs / (np.trace(products) / 300), abs=0.03)


def test_correlation_between_pixels_by_hand():
    images = np.random.default_rng(0).standard_normal((5, 4, 6, 2)) + 1
    found = spatial_correlation(images)
    assert found.shape == (7, 7)
    assert found[3, 3] == pytest.approx(1)
    for dy, dx in ((0, 1), (1, 0), (2, -3), (-1, 2), (3, 3)):
        pairs = [
            (images[:, y, x], images[:, y + dy, x + dx])
            for y in range(4)
            for x in range(6)
            if 0 <= y + dy < 4 and 0 <= x + dx < 6
        ]
        products = np.mean([a * b for a, b in pairs])
        squares = np.mean([(a * a + b * b) / 2 for a, b in pairs])
        assert found[3 + dy, 3 + dx] == pytest.approx(products / squares)
