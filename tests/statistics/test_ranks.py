import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.ranks import stratified_spearman


def test_stratified_spearman():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=12), rng.normal(size=12)
    y = y + x
    value, low, high, p = stratified_spearman([(x, y)], np.random.default_rng(0))
    expected = stats.spearmanr(x, y)
    assert value == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, abs=0.01)
    assert low < value < high
    # strata of different levels add no correlation of their own
    apart = [(x, rng.permutation(y)), (x + 100, rng.permutation(y) - 100)]
    assert abs(stratified_spearman(apart, np.random.default_rng(0))[0]) < 0.5
    flat = stratified_spearman([(x, np.ones(12))], np.random.default_rng(0))
    assert flat == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.slow
def test_stratified_spearman_keeps_its_level():
    rng = np.random.default_rng(3)
    rates = np.repeat([0.01, 0.1, 1.0], 2)
    found = [
        stratified_spearman([(rates, rng.exponential(size=6)) for _ in range(4)], np.random.default_rng(i))[3]
        for i in range(200)
    ]
    assert np.mean(np.array(found) < 0.05) < 0.085
