import math

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.welch import combine, satterthwaite, welch_trend


def test_trend_of_two_groups_is_welchs_test():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 8), rng.normal(1, 5, 12)
    slope, p = welch_trend([first, second], np.array([1.0, 3.0]))
    expected = stats.ttest_ind(second, first, equal_var=False)
    assert p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert slope.value == pytest.approx((np.mean(second) - np.mean(first)) / 2)
    assert (slope.low, slope.high) == pytest.approx((interval.low / 2, interval.high / 2))


@pytest.mark.soak
def test_trend_covers_the_truth_with_unequal_spreads():
    rng = np.random.default_rng(1)
    positions = np.array([1.0, 2.0, 3.0, 4.0])
    hits = 0
    for _ in range(1000):
        groups = [rng.normal(2 * x, sd, 10) for x, sd in zip(positions, (0.1, 1, 1, 10), strict=True)]
        slope, _ = welch_trend(groups, positions)
        hits += slope.low <= 2 <= slope.high
    assert 930 <= hits <= 970


def test_trend_without_spread_or_replicates():
    assert welch_trend([np.ones(3), np.ones(3)], [0.0, 1.0]) == ((0, 0, 0), 1.0)
    single, p = welch_trend([[1.0], [2.0, 2.5]], [0.0, 1.0])
    assert single.value == 1.25 and math.isnan(single.low) and math.isnan(p)


def test_one_group_is_students_test():
    values = np.random.default_rng(0).normal(1, 2, 7)
    found = combine([values], [1])
    for alternative, p in (("two-sided", found.p(0.5)), ("greater", found.p_above(0.5)), ("less", found.p_below(0.5))):
        assert p == pytest.approx(stats.ttest_1samp(values, 0.5, alternative=alternative).pvalue)


@pytest.mark.parametrize(
    ("groups", "weights", "p"),
    [
        # two of 2^n sign flips
        ([[5.0] * 2], [1], 1 / 2),
        ([[5.0] * 5], [1], 1 / 16),
        # two of C(2n, n) exchanges
        ([[5.0] * 2, [1.0] * 2], [1, -1], 1 / 3),
        ([[5.0] * 5, [1.0] * 5], [1, -1], 2 / 252),
        # two of 9! / (3! 3! 3!)
        ([[1.0] * 3, [2.0] * 3, [3.0] * 3], [-1, 0, 1], 2 / 1680),
    ],
)
def test_without_spread_p_is_that_of_an_exact_test(groups, weights, p):
    assert combine(groups, weights).p() == pytest.approx(p)
    assert combine(groups, weights).p_below(0) == 1


def test_rounding_is_no_difference():
    found = combine([[0.1 + 0.2] * 10, [0.3] * 10], [1, -1])
    assert found.p() == 1


def test_degrees_of_freedom_of_tiny_variances():
    assert satterthwaite([1e-200, 1e-200], [9, 9]) == pytest.approx(18)
    assert satterthwaite([1.0, 0.0], [1, 9]) == pytest.approx(1)
