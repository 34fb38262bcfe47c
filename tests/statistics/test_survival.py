import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.survival import (
    Censored,
    common_horizon,
    kaplan_meier,
    logrank_p,
    restricted_mean,
    restricted_mean_difference,
    restricted_mean_ratio,
)

# remission in weeks with 6-MP and placebo: Freireich et al. 1963, the example of every textbook
TREATED = Censored(
    np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35.0]),
    np.arange(21) < 9,
)
PLACEBO = Censored(
    np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0]), np.full(21, True)
)


def test_kaplan_meier_of_the_textbook():
    curve = kaplan_meier(TREATED)
    assert (curve.times[0], curve.survival[0]) == (0, 1)
    at = dict(zip(curve.times, curve.survival, strict=True))
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {time: at[time] for time in published} == pytest.approx(published, abs=1e-3)
    known = ~np.isnan(curve.low)
    assert np.all((curve.low < curve.survival)[known] & (curve.survival < curve.high)[known])


def test_kaplan_meier_where_none_or_all_reached_it():
    none = kaplan_meier(Censored(np.array([5.0, 5.0]), np.array([False, False])))
    assert none.survival.tolist() == [1, 1]
    every = kaplan_meier(Censored(np.array([5.0, 5.0]), np.array([True, True])))
    assert every.survival.tolist() == [1, 0]


def test_logrank_of_the_textbook():
    # chi squared 16.79 with one degree of freedom
    assert logrank_p(TREATED, PLACEBO) == pytest.approx(stats.chi2.sf(16.79, 1), rel=0.01)
    assert logrank_p(PLACEBO, TREATED) == pytest.approx(logrank_p(TREATED, PLACEBO))


@pytest.mark.parametrize("reached", [True, False])
def test_logrank_of_equal_times_is_no_test(reached):
    arm = Censored(np.full(5, 7.0), np.full(5, reached))
    assert np.isnan(logrank_p(arm, arm))


def test_restricted_mean_is_the_area_below_the_curve():
    curve = kaplan_meier(TREATED)
    for horizon in (6.0, 14.0, 35.0):
        edges = np.append(curve.times[curve.times < horizon], horizon)
        area = np.sum(curve.survival[: len(edges) - 1] * np.diff(edges))
        assert restricted_mean(TREATED.times, TREATED.reached, horizon) == pytest.approx(area)
    assert restricted_mean(PLACEBO.times, PLACEBO.reached, 10.0) == pytest.approx(np.minimum(PLACEBO.times, 10).mean())


def test_difference_and_ratio_of_restricted_means():
    means = [float(restricted_mean(arm.times, arm.reached, 23.0)) for arm in (TREATED, PLACEBO)]
    difference = restricted_mean_difference(TREATED, PLACEBO, 23.0, seed=0)
    assert difference.value == pytest.approx(means[0] - means[1])
    assert 0 < difference.low < difference.value < difference.high
    ratio = restricted_mean_ratio(TREATED, PLACEBO, 23.0, seed=0)
    assert ratio.value == pytest.approx(means[0] / means[1])
    assert 1 < ratio.low < ratio.value < ratio.high
    assert restricted_mean_difference(TREATED, PLACEBO, 23.0, seed=0) == difference
    single = Censored(np.array([3.0]), np.array([True]))
    assert np.isnan(restricted_mean_difference(single, PLACEBO, 3.0, seed=0).low)


def test_horizon_has_to_be_within_what_was_followed():
    with pytest.raises(ValueError, match="followed until 35 and not until 40"):
        restricted_mean_difference(TREATED, PLACEBO, 40.0, seed=0)


@pytest.mark.parametrize(("times", "reached"), [([], []), ([1.0], [True, False]), ([np.nan], [True]), ([-1.0], [True])])
def test_unusable_times(times, reached):
    with pytest.raises(ValueError, match="time"):
        Censored(np.array(times), np.array(reached))


@pytest.mark.soak
def test_censored_estimates_are_unbiased_and_their_intervals_cover():
    # exponential times with means of 20 and 10, some censored at random before the end at 25
    rng = np.random.default_rng(0)
    truth = 20 * -np.expm1(-25 / 20) - 10 * -np.expm1(-25 / 10)
    estimates = []
    for i in range(600):
        arms = []
        for scale in (20, 10):
            times, ends = rng.exponential(scale, 10), np.where(np.arange(10) < 2, rng.uniform(0, 100, 10), 25.0)
            ends = np.minimum(ends, 25)
            arms.append(Censored(np.minimum(times, ends), times <= ends))
        # a curve whose last run is censored earlier goes on as it ends
        if all(arm.reached.all() or arm.times.max() == 25 for arm in arms):
            estimates.append(restricted_mean_difference(*arms, 25.0, seed=i))
    values, low, high = np.transpose(estimates)
    error = np.std(values) / np.sqrt(len(values))
    coverage = np.mean((low <= truth) & (truth <= high))
    print(f"bias {values.mean() - truth:.3f} +- {error:.3f} of {truth:.2f}, coverage {coverage:.1%}, n {len(values)}")
    assert len(values) > 550
    assert abs(values.mean() - truth) < 3 * error
    assert 0.92 <= coverage <= 0.99


def arms_of(rng, n, scales, end=25.0):
    """Two groups of exponential times, censored at the end."""
    arms = []
    for scale in scales:
        times = rng.exponential(scale, n)
        arms.append(Censored(np.minimum(times, end), times <= end))
    return arms


# Monte Carlo errors are 0.7%
@pytest.mark.soak
@pytest.mark.parametrize(("n", "most"), [(5, 0.08), (10, 0.065)])
def test_level_of_the_logrank_test(n, most):
    """An asymptotic test: somewhat above its level with few runs, which the interval beside it has to make up for."""
    rng = np.random.default_rng(0)
    ps = np.array([logrank_p(*arms_of(rng, n, (15, 15))) for _ in range(1000)])
    level = np.mean(ps < 0.05)
    print(f"log-rank, n = {n}: p < 0.05 in {level:.1%} of studies with equal times")
    assert 0.02 <= level <= most


@pytest.mark.soak
@pytest.mark.parametrize("n", [5, 10])
def test_level_of_the_logrank_test_with_the_interval_of_the_restricted_mean(n):
    rng, found = np.random.default_rng(0), 0
    for i in range(600):
        arms = arms_of(rng, n, (15, 15))
        if logrank_p(*arms) < 0.05:
            _, low, high = restricted_mean_difference(*arms, common_horizon(arms), seed=i)
            found += low > 0 or high < 0
    print(f"log-rank and restricted mean, n = {n}: a difference in {found / 600:.1%} of studies with equal times")
    # 5% and a Monte Carlo error and a half
    assert found / 600 <= 0.064


@pytest.mark.soak
@pytest.mark.parametrize("n", [5, 10])
def test_ratios_of_restricted_means_cover(n):
    rng, hits = np.random.default_rng(0), 0
    truth = 20 * -np.expm1(-25 / 20) / (10 * -np.expm1(-25 / 10))
    studies = 150
    for i in range(studies):
        _, low, high = restricted_mean_ratio(*arms_of(rng, n, (20, 10)), 25.0, seed=i)
        hits += low <= truth <= high
    print(f"coverage of a ratio of restricted means, n = {n}: {hits / studies:.1%}")
    assert 0.91 <= hits / studies <= 0.99


def test_common_horizon_is_up_to_when_all_were_followed():
    censored, reached = np.array([True, False]), np.array([True, True])
    assert common_horizon([Censored(np.array([5.0, 20.0]), censored), Censored(np.array([3.0, 30.0]), censored)]) == 20
    assert common_horizon([Censored(np.array([5.0, 20.0]), reached), Censored(np.array([3.0, 30.0]), censored)]) == 30
    assert common_horizon([Censored(np.array([5.0, 20.0]), reached), Censored(np.array([3.0, 9.0]), reached)]) == 20
