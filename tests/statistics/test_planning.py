"""Equivalence, multiplicity, seeds needed, Barnard's test and the factorial, against SciPy, examples and the truth."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from whyrelu.statistics.equivalence import tost
from whyrelu.statistics.factorial import RESIDUAL, variance_shares
from whyrelu.statistics.multiplicity import holm
from whyrelu.statistics.power import seeds_for_equivalence, seeds_needed
from whyrelu.statistics.proportions import barnard_p, upper_bound_of_none


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
    assert tost([1.0, 1.0], [1.0, 1.0], 5, 0.05).is_equivalent


def test_holm():
    # Holm 1979's procedure on .01, .04, .03, .005
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert holm([0.01, np.nan, 0.02]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert holm([]).shape == (0,)


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
    assert seeds_needed([1.0, 1.0], [0.0, 0.0], 0.05, 1000) == 2


def test_seeds_for_equivalence_have_the_power():
    rng = np.random.default_rng(0)
    shape = np.array([-1.0, 1.0]) / np.sqrt(2)
    n = seeds_for_equivalence(shape, shape, 1.0, 0.05, 1000)
    a, b = rng.normal(0, 1, (4000, n)), rng.normal(0, 1, (4000, n))
    ends = stats.ttest_ind(a, b, axis=1, equal_var=False).confidence_interval(0.9)
    assert np.mean((ends.low > -1) & (ends.high < 1)) == pytest.approx(0.8, abs=0.04)
    assert seeds_for_equivalence(shape + 2, shape, 1.0, 0.05, 1000) is None


def test_barnard():
    # Barnard's test of SciPy's own example, 7 of 15 and 12 of 15
    assert barnard_p(7, 15, 12, 15) == pytest.approx(0.0682, abs=5e-4)
    assert barnard_p(0, 10, 0, 5) == barnard_p(10, 10, 5, 5) == 1
    with pytest.raises(ValueError, match="no proportions"):
        barnard_p(3, 2, 0, 2)


def test_none_of_n():
    assert upper_bound_of_none(60) == pytest.approx(stats.binomtest(0, 60).proportion_ci(0.9, "exact").high)
    assert upper_bound_of_none(100) == pytest.approx(3 / 100, rel=0.02)


def factorial_table(n, effect, rng):
    rows = [
        {"a": a, "b": b, "y": a + effect * a * b + rng.normal()}
        for a, b, _ in itertools.product((-1, 1), (-1, 0, 1), range(n))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_shares_of_a_two_way_table_are_sums_of_squares():
    table = factorial_table(4, 1.0, np.random.default_rng(0))
    found = variance_shares(table, "y", ["a", "b"], seed=0).set_index("term")
    assert list(found.index) == ["a", "b", "a x b", RESIDUAL]
    total = ((table["y"] - table["y"].mean()) ** 2).sum()
    between = ((table.groupby("a")["y"].transform("mean") - table["y"].mean()) ** 2).sum()
    within = ((table["y"] - table.groupby(["a", "b"])["y"].transform("mean")) ** 2).sum()
    assert found["share"]["a"] == pytest.approx(between / total)
    assert found["share"][RESIDUAL] == pytest.approx(within / total)
    assert found["share"].sum() == pytest.approx(1)
    assert ((found["low"] <= found["share"]) & (found["share"] <= found["high"])).all()


def test_intervals_of_shares_cover_what_studies_give_on_average():
    rng = np.random.default_rng(0)
    found = [
        variance_shares(factorial_table(4, 1.0, rng), "y", ["a", "b"], seed=i).set_index("term").loc["a x b"]
        for i in range(150)
    ]
    average = np.mean([row["share"] for row in found])
    coverage = np.mean([row["low"] <= average <= row["high"] for row in found])
    print(f"coverage of a share of variance: {coverage:.1%}")
    assert 0.85 <= coverage <= 0.99


def test_unusable_factorials():
    table = factorial_table(2, 1.0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="full factorial"):
        variance_shares(table.iloc[1:], "y", ["a", "b"], seed=0)
    with pytest.raises(ValueError, match="the same in all rows"):
        variance_shares(table.assign(y=1.0), "y", ["a", "b"], seed=0)
