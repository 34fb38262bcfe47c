import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.summaries import (
    bootstrap_interval,
    expanded_level,
    mean_interval,
    seed_of,
    summarise,
    t_half_width,
    t_interval,
)


def test_t_interval_agrees_with_scipy():
    values = np.random.default_rng(0).normal(0.9, 0.05, 6)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values) == pytest.approx((expected.low, expected.high))


def test_a_single_run_has_no_interval_and_no_sd():
    summary = summarise([0.7], seed=0)
    assert (summary.n, summary.mean, summary.iqm) == (1, 0.7, 0.7)
    assert np.isnan([summary.sd, summary.low, summary.high]).all()


@pytest.mark.parametrize("n", [2, 7, 8, 10, 33])
def test_equal_runs_have_an_interval_without_width(n):
    summary = summarise([0.1] * n, seed=0)
    assert (summary.mean, summary.sd, summary.iqm, summary.low, summary.high) == (0.1, 0.0, 0.1, 0.1, 0.1)


def test_the_interval_is_bootstrapped_from_eight_runs_on():
    values = np.random.default_rng(0).normal(0.9, 0.05, 8)
    assert mean_interval(values[:7], seed=0) == t_interval(values[:7])
    low, high = np.transpose([bootstrap_interval(values, seed=0), t_interval(values)])
    assert mean_interval(values, seed=0) == (low.min(), high.max())
    assert bootstrap_interval(values, seed=0) != t_interval(values)


def test_the_bootstrap_depends_on_its_seed_alone():
    values = np.random.default_rng(0).normal(0.9, 0.05, 10)
    first = bootstrap_interval(values, seed=1)
    np.random.default_rng(5).normal(size=100)
    assert bootstrap_interval(values, seed=1) == first
    assert bootstrap_interval(values, seed=2) != first


def test_the_bootstrap_agrees_with_scipy():
    values = np.random.default_rng(3).beta(8, 2, 12)
    level = expanded_level(12)
    assert level == pytest.approx(1 - 2 * stats.norm.cdf(np.sqrt(12 / 11) * stats.t.ppf(0.025, 11)))
    assert expanded_level(10**6) == pytest.approx(0.95, abs=1e-5)
    rng = np.random.default_rng(7)
    found = stats.bootstrap((values,), np.mean, method="BCa", confidence_level=level, rng=rng)
    expected = found.confidence_interval
    assert bootstrap_interval(values, seed=7) == pytest.approx((expected.low, expected.high))


def test_seeds_of_names_are_fixed_and_differ():
    assert seed_of("relu") == seed_of("relu")
    assert len({seed_of(f"depth={depth}") for depth in range(100)}) == 100
    assert 0 <= seed_of("") < 2**64


def test_half_widths_of_many_means_at_once():
    widths = t_half_width([0.1, 0.2, np.nan], [5, 10, 1])
    assert widths[0] == pytest.approx(stats.t.ppf(0.975, 4) * 0.1 / 5**0.5)
    assert widths[1] == pytest.approx(stats.t.ppf(0.975, 9) * 0.2 / 10**0.5)
    assert np.isnan(widths[2])


@pytest.mark.parametrize("values", [[], [[0.1, 0.2], [0.3, 0.4]]])
def test_anything_but_one_number_per_run_is_refused(values):
    with pytest.raises(ValueError, match="one number per run"):
        summarise(values, seed=0)
