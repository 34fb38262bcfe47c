"""Intervals of means, shares, medians and ratios, against SciPy, textbooks and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.intervals import Estimate, mean_interval, median_interval, ratio_interval, share_interval


@pytest.fixture
def draws():
    return np.random.default_rng(0)


def test_below_eight_values_the_interval_of_a_mean_is_students(draws):
    values = draws.normal(0.9, 0.05, 7)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert mean_interval(values, level=0.9) == pytest.approx((values.mean(), *expected))


def test_from_eight_values_on_it_is_that_of_bca_where_that_is_wider():
    skewed = np.exp(np.arange(12.0) / 2)
    student = stats.ttest_1samp(skewed, 0).confidence_interval(0.95)
    found = mean_interval(skewed)
    assert found.low == pytest.approx(student.low) and found.high > student.high
    assert mean_interval(skewed) == found, "the same numbers have the same interval"


@pytest.mark.parametrize(
    "interval", [mean_interval, median_interval, lambda values: ratio_interval(values, [1] * len(values))]
)
def test_one_value_has_no_interval_and_equal_ones_have_one_without_width(interval):
    alone = interval([0.7])
    assert alone.estimate == pytest.approx(0.7) and math.isnan(alone.low) and math.isnan(alone.high)
    for n in (2, 7, 8, 33):
        assert interval([0.1] * n) == pytest.approx(Estimate(0.1, 0.1, 0.1))


def test_fractions_stay_between_their_bounds():
    assert mean_interval([0.1, 0.98], bounds=(0, 1))[1:] == (0, 1)
    assert mean_interval([1 - 1e-16] * 9 + [0.3], bounds=(0, 1)).high == 1


@pytest.mark.parametrize("n", [2, 5, 6, 8, 12])
def test_an_estimate_lies_in_its_own_interval(draws, n):
    for _ in range(20):
        values = np.round(draws.random(n), 1) + 0.1
        for found in (mean_interval(values), median_interval(values), ratio_interval(values, values[::-1])):
            assert found.low <= found.estimate <= found.high


def test_shares_have_wilsons_interval():
    # Newcombe 1998, table I
    assert share_interval(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=1e-4)
    assert share_interval(15, 148) == pytest.approx((0.1014, 0.0624, 0.1605), abs=1e-4)
    assert share_interval(0, 20) == pytest.approx((0, 0, 0.1611), abs=1e-4)
    assert share_interval(6, 6)[::2] == (1, 1)


def test_medians_lie_between_order_statistics(draws):
    # textbook: of 10 values the 2nd and the 9th (97.9%), of 20 the 6th and the 15th (95.9%), of 6 the extremes
    for n, first, last in ((3, 1, 3), (6, 1, 6), (10, 2, 9), (20, 6, 15)):
        assert median_interval(draws.permutation(n) + 1.0) == ((n + 1) / 2, first, last)


def test_ratios_are_taken_on_the_logarithms():
    found = ratio_interval([2.0, 4.0, 8.0], [1.0, 1.0, 1.0])
    half = stats.t.ppf(0.975, 2) * math.log(2) / math.sqrt(3)
    assert found == pytest.approx((4, 4 * math.exp(-half), 4 * math.exp(half)))
    assert ratio_interval([1, 2, 3], [4, 5, 9]).low == pytest.approx(1 / ratio_interval([4, 5, 9], [1, 2, 3]).high)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([]),
        lambda: mean_interval([1, math.nan]),
        lambda: median_interval([[1.0]]),
        lambda: ratio_interval([1, 0], [1, 1]),
    ],
)
def test_what_has_no_interval_is_refused(call):
    with pytest.raises(ValueError):
        call()
