import numpy as np
import pytest
import torch

from whyrelu.data.split import split
from whyrelu.errors import DataError


def shares(labels):
    return np.bincount(labels) / len(labels)


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(0).choice(4, 1000, p=[0.4, 0.3, 0.2, 0.1])


def test_the_two_sides_share_nothing_and_have_equal_shares_of_every_class(labels):
    train, validation = split(labels, 200, None, seed=3)
    assert len(validation) == 200
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(1000))
    assert np.abs(shares(labels[validation]) - shares(labels)).max() < 0.005
    for indices in (train, validation):
        assert indices.dtype == np.int64
        assert np.array_equal(indices, np.sort(indices))


def test_fewer_training_images_do_not_change_the_validation_images(labels):
    everything, validation = split(labels, 200, None, seed=3)
    for train_size in (800, 796, 40):
        train, same = split(labels, 200, train_size, seed=3)
        assert np.array_equal(same, validation)
        assert len(np.unique(train)) == train_size and np.isin(train, everything).all()
        assert np.abs(shares(labels[train]) - shares(labels)).max() < 0.02


def test_the_seed_alone_decides(labels):
    first = split(labels, 200, 300, seed=7)
    np.random.seed(99)
    torch.manual_seed(99)
    second = split(labels.astype(np.uint8), 200, 300, seed=7)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a, b)
    others = [split(labels, 200, 300, seed=seed) for seed in (0, 8, 2**32 + 7, 2**63, 2**64 + 7)]
    for side in (0, 1):
        assert len({tuple(pair[side]) for pair in (first, *others)}) == 6


def test_splits_are_those_of_the_published_runs(labels):
    train, validation = split(labels, 200, 300, seed=7)
    assert train[:8].tolist() == [0, 1, 5, 9, 13, 21, 24, 25]
    assert validation[:8].tolist() == [7, 14, 18, 20, 29, 30, 32, 34]


@pytest.mark.parametrize(
    ("validation_size", "train_size", "message"),
    [
        (3, None, r"^data\.validation_size=3: .*greater or equal to the number of classes = 4"),
        (1000, None, r"^data\.validation_size=1000: "),
        (200, 801, r"^data\.train_size=801: "),
    ],
)
def test_impossible_sizes_are_named(labels, validation_size, train_size, message):
    with pytest.raises(DataError, match=message) as caught:
        split(labels, validation_size, train_size, seed=0)
    assert "\n" not in str(caught.value)


def test_a_class_that_is_too_rare_is_named():
    rare = np.array([0] * 500 + [1] * 498 + [2] * 2)
    with pytest.raises(DataError, match=r"data\.validation_size=10: too few for an image of the rare class 2"):
        split(rare, 10, None, seed=0)
