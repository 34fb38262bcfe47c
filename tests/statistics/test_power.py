import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.power import seeds_for_equivalence, seeds_for_non_inferiority, seeds_needed


def test_seeds_needed_have_the_power():
    # two-sided t test, d = 1, power 80%: 17 per group (Cohen 1988)
    first = np.array([-1.0, 1.0]) / np.sqrt(2)
    assert seeds_needed(first + 1, first, 0.05, 1000) == 17
    n = seeds_needed(first + 1, 3 * first, 0.05, 1000)
    rng = np.random.default_rng(0)
    p = stats.ttest_ind(rng.normal(1, 1, (4000, n)), rng.normal(0, 3, (4000, n)), axis=1, equal_var=False).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.02)
    assert seeds_needed(first + 0.01, first, 0.05, 1000) is None
    assert seeds_needed(first, first, 0.05, 1000) is None
    # without any spread as many as a permutation test needs: 2 / C(8, 4) is 0.029
    assert seeds_needed([1.0, 1.0], [0.0, 0.0], 0.05, 1000) == 4


def test_seeds_for_equivalence_have_the_power():
    rng = np.random.default_rng(0)
    shape = np.array([-1.0, 1.0]) / np.sqrt(2)
    n = seeds_for_equivalence(shape, shape, 1.0, 0.05, 1000)
    a, b = rng.normal(0, 1, (4000, n)), rng.normal(0, 1, (4000, n))
    ends = stats.ttest_ind(a, b, axis=1, equal_var=False).confidence_interval(0.9)
    assert np.mean((ends.low > -1) & (ends.high < 1)) == pytest.approx(0.8, abs=0.04)
    assert seeds_for_equivalence(shape + 2, shape, 1.0, 0.05, 1000) is None


def test_seeds_for_non_inferiority_have_the_power():
    rng = np.random.default_rng(0)
    shape = np.array([-1.0, 1.0]) / np.sqrt(2)
    # 0.2 below, and 0.5 is allowed
    n = seeds_for_non_inferiority(shape - 0.2, 3 * shape, 0.5, 0.05, 2000)
    a, b = rng.normal(-0.2, 1, (2000, n)), rng.normal(0, 3, (2000, n))
    low = stats.ttest_ind(a, b, axis=1, equal_var=False).confidence_interval(0.9).low
    assert np.mean(low > -0.5) == pytest.approx(0.8, abs=0.03)
    assert seeds_for_non_inferiority(shape - 0.5, shape, 0.5, 0.05, 1000) is None
    # one-sided: 1 / C(8, 4) is 0.014 and 1 / C(6, 3) is 0.05
    assert seeds_for_non_inferiority([1.0, 1.0], [1.0, 1.0], 0.5, 0.05, 1000) == 4
    assert seeds_for_equivalence([1.0, 1.0], [1.0, 1.0], 0.5, 0.05, 1000) == 4
