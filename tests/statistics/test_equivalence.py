import math

import numpy as np
import pytest
from scipy import stats

from whyrelu.claims.declaration import read_claims
from whyrelu.statistics.equivalence import MARGIN, paired_difference, tost
from whyrelu.statistics.summaries import t_interval


def test_tost_is_two_tests_and_an_interval():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 30), rng.normal(0, 2, 20)
    for margin in (0.2, 0.5, 1.0, 2.0):
        found = tost(first, second, margin, 0.05)
        expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.9)
        assert found.interval == pytest.approx(tuple(expected))
        assert found.is_equivalent == (found.p < 0.05)
    assert found.is_equivalent
    assert not tost([1.0], [1.0], 5, 0.05).is_equivalent


@pytest.mark.parametrize(("n", "p"), [(2, 1 / 6), (3, 1 / 20), (5, 1 / 252)])
def test_runs_that_are_all_the_same_are_equal_only_if_they_are_many(n, p):
    # all of C(2n, n) arrangements are as equal as these
    found = tost([0.1] * n, [0.1] * n, 0.005)
    assert found.p == pytest.approx(p)
    assert found.is_equivalent == (n == 5)
    assert tost([0.1] * n, [0.2] * n, 0.005).p == 1


@pytest.mark.soak
@pytest.mark.parametrize("n", [5, 10])
@pytest.mark.parametrize("spread", [1, 10])
def test_equality_is_seldom_shown_of_what_differs_by_the_margin(n, spread):
    rng = np.random.default_rng(0)
    first, second = rng.normal(3, 1, (2000, n)), rng.normal(0, spread, (2000, n))
    wrong = np.mean([tost(a, b, 3.0).is_equivalent for a, b in zip(first, second, strict=True)])
    print(f"equality of what differs by the margin, n = {n}, spreads 1 and {spread}: {wrong:.1%}")
    # 5% and three Monte Carlo errors
    assert wrong <= 0.05 + 3 * 0.0049


# within pairs

RNG = np.random.default_rng(0)
BASE = 0.8 + 0.1 * RNG.standard_normal(10)
NOISE = RNG.standard_normal(10)


@pytest.mark.parametrize(
    ("shift", "spread", "outcome"),
    [(0.0, 0.001, "equal"), (0.002, 0.0005, "equal"), (-0.05, 0.01, "different"), (0.0, 0.05, "open")],
)
def test_the_outcome_is_of_differences_within_pairs_and_not_of_the_spread_between_them(shift, spread, outcome):
    found = paired_difference(BASE + shift + spread * NOISE, BASE)
    assert found.outcome == outcome
    difference = shift + spread * NOISE
    assert found[:3] == pytest.approx((difference.mean(), *t_interval(difference)))
    narrow = t_interval(difference, 0.9)
    assert (found.outcome == "equal") == (narrow.low > -MARGIN and narrow.high < MARGIN)


def test_a_few_pairs_that_are_all_the_same_show_nothing():
    assert paired_difference([0.1] * 2, [0.1] * 2).outcome == "open"
    assert paired_difference([0.5] * 2, [0.1] * 2).outcome == "open"
    assert paired_difference([0.1] * 10, [0.1] * 10).outcome == "equal"
    assert paired_difference([0.5] * 10, [0.1] * 10).outcome == "different"
    single = paired_difference([0.5], [0.1])
    assert single.outcome == "open" and math.isnan(single.low)


def test_the_margin_is_that_of_the_claim_on_accuracy():
    assert {claim.settings["margin"] for claim in read_claims() if claim.id == "C17"} == {MARGIN}
