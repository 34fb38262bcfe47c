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


def test_what_is_drawn_is_ranked_as_scipy_does():
    rng = np.random.default_rng(4)
    strata = [
        (np.repeat([0.01, 0.1, 1.0], 5), np.round(rng.exponential(size=15), 1)),
        (rng.normal(size=8), np.arange(8.0)),
    ]
    found = stratified_spearman(strata, np.random.default_rng(7))
    resampled, permuted, again = 0.0, 0.0, np.random.default_rng(7)
    for x, y in strata:
        n = len(x)
        order = again.permuted(np.broadcast_to(np.arange(n), (9999, n)), axis=1)
        drawn = again.integers(n, size=(9999, n))
        permuted = permuted + n / 23 * np.array([stats.spearmanr(x, y[i]).statistic for i in order[:1000]])
        pairs = [stats.rankdata(values[drawn], axis=1) for values in (x, y)]
        resampled = resampled + n / 23 * np.array([np.corrcoef(*pair)[0, 1] for pair in zip(*pairs, strict=True)])
    assert found[1:3] == pytest.approx(np.quantile(resampled, [0.025, 0.975]))
    assert found[3] == pytest.approx(np.mean(np.abs(permuted) >= abs(found[0]) - 1e-12), abs=0.06)


@pytest.mark.soak
def test_stratified_spearman_keeps_its_level():
    rng = np.random.default_rng(3)
    rates = np.repeat([0.01, 0.1, 1.0], 2)
    found = [
        stratified_spearman([(rates, rng.exponential(size=6)) for _ in range(4)], np.random.default_rng(i))[3]
        for i in range(200)
    ]
    assert np.mean(np.array(found) < 0.05) < 0.085
