import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.contrasts import (
    mean_difference,
    ranks,
    superiority,
    superiority_of_ranks,
)


def test_difference_agrees_with_welch_in_scipy():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.9, 0.01, 10), rng.normal(0.5, 0.2, 7)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert mean_difference(first, second) == pytest.approx((first.mean() - second.mean(), *expected))


def test_difference_where_one_group_or_none_varies():
    constant, varying = [0.1] * 10, np.linspace(0.9, 0.99, 10)
    value, low, high = mean_difference(varying, constant)
    assert value == pytest.approx(0.845)
    assert low < value < high
    assert mean_difference(constant, [0.3, 0.3]) == pytest.approx((-0.2, -0.2, -0.2))


@pytest.mark.parametrize("shape", [((10,), (10,)), ((3, 12), (3, 7)), ((2, 5, 100), (2, 5, 80))])
@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
def test_superiority_of_ranks_is_that_of_values_to_the_last_bit(shape, decimals):
    rng = np.random.default_rng(0)
    first, second = (np.round(rng.standard_normal(size), decimals) for size in shape)
    found = superiority_of_ranks(*ranks(first, second))
    assert found.shape == shape[0][:-1]
    assert np.array_equal(found, superiority(first, second))
