import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.contrasts import mean_difference


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


def test_difference_from_a_single_run_has_no_interval():
    value, low, high = mean_difference([0.9], [0.4, 0.5])
    assert value == pytest.approx(0.45)
    assert np.isnan([low, high]).all()
