"""Effect sizes and tests of two groups, at one depth and pooled, against SciPy and where nothing varies."""

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.contrasts import contrast
from whyrelu.statistics.pooling import pooled_difference, pooled_permutation_p, pooled_superiority

RNG = np.random.default_rng(0)
FIRST, SECOND = RNG.normal(0.93, 0.02, 10), RNG.normal(0.915, 0.05, 8)


def test_contrast_agrees_with_scipy():
    found = contrast(FIRST, SECOND, seed=0)
    assert found.superiority.value == pytest.approx(stats.mannwhitneyu(FIRST, SECOND).statistic / 80)
    assert found.superiority.low < found.superiority.value < found.superiority.high
    assert found.p == pytest.approx(stats.ttest_ind(FIRST, SECOND, equal_var=False).pvalue, abs=0.03)
    assert found == contrast(FIRST, SECOND, seed=0)
    turned = contrast(SECOND, FIRST, seed=0)
    assert turned.superiority.value == pytest.approx(1 - found.superiority.value)
    assert turned.g == pytest.approx(-found.g)


def test_p_does_not_depend_on_unit_and_origin():
    expected = contrast(FIRST, SECOND, seed=0)
    moved = contrast(1e6 + 1e3 * FIRST, 1e6 + 1e3 * SECOND, seed=0)
    assert moved.p == pytest.approx(expected.p)
    assert moved.superiority == pytest.approx(expected.superiority)


def test_all_arrangements_of_few_runs_are_counted():
    # 2 of C(10, 5)
    assert contrast([5, 6, 7, 8, 9], [0, 1, 2, 3, 4.5], seed=0).p == pytest.approx(2 / 252)


def test_equal_values():
    found = contrast([0.1] * 10, [0.1] * 10, seed=0)
    assert found.p == 1 and found.g == 0 and found.superiority.value == 0.5
    # ten pairs of ties do not show that all are
    assert found.superiority.low < 0.5 < found.superiority.high
    rounded = contrast([0.1 + 0.2] * 5, [0.3] * 5, seed=0)
    assert rounded.p == 1 and rounded.superiority.value == 0.5


def test_no_spread_in_one_arm_or_both():
    apart = contrast([0.9] * 10, [0.1] * 10, seed=0)
    assert apart.p < 0.001 and apart.g == np.inf
    one = contrast([0.1] * 10, np.linspace(0.5, 0.9, 10), seed=0)
    assert one.p < 0.001 and np.isfinite(one.g) and one.g < 0


def test_groups_that_do_not_overlap_have_an_interval_still():
    value, low, high = contrast(np.arange(10) + 100, np.arange(10), seed=0).superiority
    # P = 0.05^(1/10) shows ten of ten pairs in 5% of studies
    assert (value, low, high) == pytest.approx((1, 0.05**0.1, 1))
    almost = np.append(np.arange(9) + 100, 8.5)
    assert contrast(almost, np.arange(10), seed=0).superiority.low <= low


def test_single_runs():
    found = contrast([0.9], [0.1, 0.2], seed=0)
    assert np.isnan([found.p, found.g, found.superiority.low]).all()
    assert found.superiority.value == 1


def test_pooling_one_stratum_changes_nothing():
    single = contrast(FIRST, SECOND, seed=0)
    assert pooled_difference([(FIRST, SECOND)]) == pytest.approx(single.difference)
    assert pooled_superiority([(FIRST, SECOND)], 0) == pytest.approx(single.superiority)
    assert pooled_permutation_p([(FIRST, SECOND)], 0) == pytest.approx(single.p, abs=0.01)


def test_pooling_keeps_strata_apart():
    # the second stratum is far off in both arms
    pairs = [(FIRST, SECOND), (FIRST + 10, SECOND + 10)]
    assert pooled_difference(pairs).value == pytest.approx(FIRST.mean() - SECOND.mean())
    assert pooled_superiority(pairs, 0).value == pytest.approx(contrast(FIRST, SECOND, 0).superiority.value)
    assert pooled_permutation_p(pairs, 0) < pooled_permutation_p(pairs[:1], 0)
    same = [(FIRST, FIRST), (SECOND + 10, SECOND + 10)]
    assert pooled_permutation_p(same, 0) == pytest.approx(1, abs=0.05)
    flat = [(np.ones(5), np.ones(5)), (np.zeros(5), np.zeros(5))]
    assert pooled_permutation_p(flat, 0) == 1
    assert pooled_difference(flat) == (0, 0, 0)


@pytest.mark.soak
def test_pooled_p_keeps_its_level():
    rng = np.random.default_rng(1)
    ps = [
        pooled_permutation_p([(rng.normal(d, 1, 10), rng.normal(d, 10, 10)) for d in (0, 50)], i, 499)
        for i in range(400)
    ]
    # 5% and three Monte Carlo errors, either way
    assert 0.017 <= np.mean(np.array(ps) < 0.05) <= 0.083
