"""Large groups share what is drawn: each result is that of a Monte Carlo test of its own, up to Monte Carlo error."""

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics import shared_resampling
from whyrelu.statistics.contrasts import contrasts, permutation_ps, studentised, superiorities, superiority
from whyrelu.statistics.shared_resampling import LARGE, arrangement_sums, bootstrap_superiorities


def groups(seed, pairs, sizes, shift=0.0, spread=1.0, decimals=12):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(shift, 1, (pairs, sizes[0])), rng.normal(0, spread, (pairs, sizes[1]))
    return np.round(first, decimals), np.round(second, decimals)


@pytest.mark.parametrize(("sizes", "decimals"), [((40, 40), 12), ((100, 30), 0)], ids=["no ties", "ties"])
def test_p_is_that_of_scipy_up_to_monte_carlo_error(sizes, decimals):
    first, second = groups(1, 6, sizes, shift=0.3, spread=2.0, decimals=decimals)
    expected = stats.permutation_test(
        (first, second), studentised, vectorized=True, n_resamples=9999, axis=-1, rng=np.random.default_rng(0)
    ).pvalue
    found = permutation_ps(first, second, seed=0)
    # two estimates of p, each from 9,999 draws on the smaller side; Welch's test only ever makes p larger
    error = np.sqrt(2 * expected / 9999) + 1e-4
    welch = stats.ttest_ind(first, second, axis=-1, equal_var=False).pvalue
    assert np.all(np.abs(found - np.maximum(expected, welch)) < 5 * error)


@pytest.mark.soak
def test_p_from_shared_draws_keeps_its_level():
    first, second = groups(2, 2000, (40, 30))
    ps = permutation_ps(first, second, seed=0, resamples=999)
    assert np.mean(ps <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))
    assert np.mean(ps) == pytest.approx(0.5, abs=0.05)


def test_interval_is_that_of_scipy_up_to_monte_carlo_error():
    first, second = groups(3, 2, (40, 40), shift=0.5, decimals=1)
    found = superiorities(first, second, seed=0)
    expected = stats.bootstrap(
        (first, second), superiority, vectorized=True, axis=-1, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    ends = np.array([[estimate.low, estimate.high] for estimate in found])
    assert ends == pytest.approx(np.column_stack([expected.low, expected.high]), abs=0.006)
    assert [estimate.value for estimate in found] == pytest.approx(superiority(first, second))


def test_every_arrangement_is_as_likely():
    values = np.arange(64.0)
    totals = np.concatenate([difference for difference, _ in arrangement_sums([(values[:16], values[16:])], 40_000)])
    # exact moments of the difference of means under all arrangements
    variance = np.var(values, ddof=1) * (1 / 16 + 1 / 48)
    assert totals.mean() == pytest.approx(0, abs=5 * np.sqrt(variance / 40_000))
    assert totals.var() == pytest.approx(variance, rel=0.05)


def test_strata_are_drawn_independently():
    first, second = groups(4, 1, (50, 50))
    pair = (first[0], second[0])
    one, two = (np.concatenate([d for d, _ in arrangement_sums([pair] * n, 9999)]) for n in (1, 2))
    # the variances of independent sums add up
    assert two.var() / one.var() == pytest.approx(2, rel=0.1)
    resampled = [bootstrap_superiorities([pair] * n, 9999).var() for n in (1, 2)]
    assert resampled[0] / resampled[1] == pytest.approx(2, rel=0.1)


def test_no_spread_in_large_groups():
    flat, other = np.full((1, LARGE), 0.1), np.full((1, LARGE), 0.9)
    assert permutation_ps(flat, flat, seed=0).tolist() == [1]
    assert permutation_ps(flat, other, seed=0)[0] == pytest.approx(2 / 10_000)
    (equal,), (apart,) = superiorities(flat, flat, seed=0), superiorities(flat, other, seed=0)
    assert equal.value == 0.5
    assert equal.low < 0.5 < equal.high
    assert (apart.value, apart.low) == (0, 0)


def test_what_is_found_depends_on_the_pair_alone():
    first, second = groups(6, 3, (50, 40), shift=0.2)
    together = contrasts(first, second, seed=1)
    shared_resampling._arrangements.cache_clear()
    shared_resampling._counts.cache_clear()
    contrasts(first[:, :45], second, seed=1)
    assert [contrasts(first[i : i + 1], second[i : i + 1], seed=2)[0] for i in range(3)] == together
