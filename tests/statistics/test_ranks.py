"""Areas and rank correlations against SciPy and scikit-learn, and their intervals."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from whyrelu.statistics.ranks import area_under_curve, somers_d, spearman

RNG = np.random.default_rng(1)
CLUSTER = np.repeat(np.arange(20), 5)
# with ties
SCORE = np.round(RNG.normal(size=100) + RNG.normal(size=20)[CLUSTER], 1)
OTHER = RNG.normal(size=100)
POSITIVE = SCORE + RNG.normal(size=100) > 0


def test_areas_are_those_of_scikit_learn_and_differences_are_paired() -> None:
    area, other = (area_under_curve(score, POSITIVE, CLUSTER) for score in (SCORE, OTHER))
    assert area.estimate == pytest.approx(roc_auc_score(POSITIVE, SCORE))
    assert 0 < area.low < area.estimate < area.high < 1
    difference = area_under_curve(SCORE, POSITIVE, CLUSTER, OTHER)
    assert difference.estimate == pytest.approx(area.estimate - other.estimate)
    assert area_under_curve(SCORE, POSITIVE, CLUSTER, SCORE) == (0, 0, 0)


def test_runs_that_are_alike_are_drawn_together() -> None:
    """Five copies of each run say no more than one, and as many runs of their own say more."""
    first = CLUSTER % 5 == 0
    alone = area_under_curve(SCORE[:20], POSITIVE[:20], np.arange(20))
    copied = area_under_curve(np.repeat(SCORE[:20], 5), np.repeat(POSITIVE[:20], 5), CLUSTER)
    assert copied == pytest.approx(alone)
    naive = area_under_curve(np.repeat(SCORE[:20], 5), np.repeat(POSITIVE[:20], 5), np.arange(100))
    assert naive.high - naive.low < 0.6 * (alone.high - alone.low)
    assert np.isnan(area_under_curve(SCORE, POSITIVE, first).low)


def test_somers_d_is_that_of_scipy() -> None:
    groups = [RNG.random(8) < share for share in (0.2, 0.4, 0.9)]
    x = [0.1, 0.5, 0.3]
    found = somers_d(x, groups)
    assert found.estimate == pytest.approx(stats.somersd(np.repeat(x, 8), np.concatenate(groups)).statistic)
    assert -1 <= found.low < found.estimate < found.high <= 1
    # SciPy has no number where all are alike
    assert somers_d(x, [np.ones(4)] * 3) == (0, 0, 0)


def test_spearman_is_that_of_scipy_and_within_groups_that_of_centred_ranks() -> None:
    x, y = RNG.normal(size=30), np.round(RNG.normal(size=30))
    assert spearman(x, y).estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    # groups that differ in both say nothing
    groups = np.repeat([0, 1, 2], 10)
    apart = spearman(x + 100 * groups, y + 100 * groups, groups)
    assert apart == pytest.approx(spearman(x, y, groups))
    assert abs(apart.estimate) < 0.5 < spearman(x + 100 * groups, y + 100 * groups).estimate


@pytest.mark.parametrize("n", [4, 5, 12])
def test_a_perfect_order_of_few_is_not_certain(n: int) -> None:
    found = spearman(np.arange(n), np.arange(n))
    assert found.estimate == found.high == 1
    assert found.low < 1
    assert spearman(np.arange(n), -np.arange(n)) == pytest.approx((-1, -1, -found.low))
    assert (found.low > 0) == (n == 12)


def test_intervals_are_not_given_where_the_data_cannot() -> None:
    assert np.isnan(spearman([1, 2, 3], [1, 3, 2])[1:]).all()
    assert np.isnan(spearman([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])).all()


@pytest.mark.soak
def test_intervals_of_correlations_and_areas_cover() -> None:
    rng = np.random.default_rng(0)
    rho, studies = 0.5, 400
    covered = {"spearman": 0, "area": 0}
    true_rho, true_area = 6 / np.pi * np.arcsin(rho / 2), stats.norm.cdf(1 / np.sqrt(2))
    for _ in range(studies):
        x, y = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 20).T
        found = spearman(x, y)
        covered["spearman"] += found.low <= true_rho <= found.high
        positive = np.repeat([False, True], 60)
        area = area_under_curve(rng.normal(size=120) + positive, positive, np.arange(120))
        covered["area"] += area.low <= true_area <= area.high
    shares = {name: count / studies for name, count in covered.items()}
    print(shares)
    # a fixed seed; two Monte Carlo errors of 1.1%
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares
