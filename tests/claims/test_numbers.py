"""The numbers that claims compute themselves, against published examples, SciPy and the truth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from claims.studies import study
from whyrelu.claims import words
from whyrelu.claims.comparison import against_bound, least_seeds
from whyrelu.claims.dead import stratified_spearman
from whyrelu.claims.factorial import crossed_factors
from whyrelu.claims.gradients import line_fits
from whyrelu.claims.proportions import counted, difference_of, seeds_to_tell
from whyrelu.claims.trainability import half_depth
from whyrelu.claims.updates import welch_trend
from whyrelu.claims.verdict import Test, Verdict


def test_difference_of_proportions_is_newcombes() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.2000 with [0.0524, 0.3339]
    found = difference_of(counted(56, 70), counted(48, 80), 0.05, comparison="a - b", quantity="failures")
    assert (found.effect, found.low, found.high) == pytest.approx((20, 5.24, 33.39), abs=0.01)
    none = difference_of(counted(10, 10), counted(0, 20), 0.05, comparison="a - b", quantity="failures")
    assert (none.effect, none.low, none.high) == pytest.approx((100, 67.91, 100), abs=0.01)


def test_difference_of_proportions_decides_by_adjusted_p() -> None:
    found = difference_of(counted(9, 10), counted(1, 10), 0.05, comparison="a - b", quantity="failures")
    assert found.decide is not None
    assert [found.decide(p) for p in (0.01, 0.05, math.nan)] == ["higher", "inconclusive", "inconclusive"]


def test_seeds_to_tell_a_proportion_from_a_bound() -> None:
    # four of four is the first whose interval [51%, 100%] is above one half
    assert seeds_to_tell(1.0, 0.5) == 4
    assert seeds_to_tell(0.0, 0.5) == 4
    needed = seeds_to_tell(0.4, 0.5)
    assert needed is not None
    low_enough = [counted(k, needed).high < 0.5 for k in range(needed + 1)]
    power = stats.binom.pmf(np.arange(needed + 1), needed, 0.4)[low_enough].sum()
    assert 0.8 <= power < 0.85
    assert seeds_to_tell(0.5, 0.5) is None
    assert seeds_to_tell(0.49, 0.5) is None


def half_of(**shares: int) -> float:
    return half_depth({int(name[1:]): counted(share, 10) for name, share in shares.items()})


def test_half_depth() -> None:
    assert half_of(d2=0, d4=0, d8=10) == pytest.approx(math.sqrt(32))
    assert half_of(d2=0, d4=5, d8=10) == pytest.approx(4)
    assert half_of(d2=7, d4=9) == 2
    assert half_of(d2=0, d4=4) == math.inf
    # shares that fall by chance are pooled with their neighbours
    assert half_of(d2=0, d4=8, d8=4, d16=10) == pytest.approx(2 * 2 ** (5 / 6))


def test_least_seeds() -> None:
    # 2 / C(10, 5) = 0.0079 and 2 / C(8, 4) = 0.029
    assert least_seeds(0.05) == 4
    assert least_seeds(0.05 / 4) == 5


def test_trend_of_two_groups_is_welchs_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 8), rng.normal(1, 5, 12)
    slope, p = welch_trend([first, second], np.array([1.0, 3.0]))
    expected = stats.ttest_ind(second, first, equal_var=False)
    assert p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert slope.value == pytest.approx((np.mean(second) - np.mean(first)) / 2)
    assert (slope.low, slope.high) == pytest.approx((interval.low / 2, interval.high / 2))


def test_trend_covers_the_truth_with_unequal_spreads() -> None:
    rng = np.random.default_rng(1)
    positions = np.array([1.0, 2.0, 3.0, 4.0])
    hits = 0
    for _ in range(1000):
        groups = [rng.normal(2 * x, sd, 10) for x, sd in zip(positions, (0.1, 1, 1, 10), strict=True)]
        slope, _ = welch_trend(groups, positions)
        hits += slope.low <= 2 <= slope.high
    assert 930 <= hits <= 970


def test_trend_without_spread_or_replicates() -> None:
    flat = [np.ones(3), np.ones(3)]
    assert welch_trend(flat, np.array([0.0, 1.0])) == ((0, 0, 0), 1.0)
    single, p = welch_trend([np.array([1.0]), np.array([2.0, 2.5])], np.array([0.0, 1.0]))
    assert single.value == 1.25 and math.isnan(single.low) and math.isnan(p)


def test_stratified_spearman() -> None:
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
def test_stratified_spearman_keeps_its_level() -> None:
    rng = np.random.default_rng(3)
    rates = np.repeat([0.01, 0.1, 1.0], 2)
    found = [
        stratified_spearman([(rates, rng.exponential(size=6)) for _ in range(4)], np.random.default_rng(i))[3]
        for i in range(200)
    ]
    assert np.mean(np.array(found) < 0.05) < 0.085


@pytest.mark.parametrize(
    ("values", "outcome"), [([2.0] * 5, "above"), ([1.0] * 5, "inconclusive"), ([0.0] * 5, "below")]
)
def test_bound_without_spread(values: list[float], outcome: str) -> None:
    found = against_bound(np.array(values), 1.0, 0.05, comparison="a", quantity="b", unit="c")
    assert found.decide is not None
    assert found.decide(found.p) == outcome


def test_single_run_is_on_no_side() -> None:
    found = against_bound(np.array([5.0]), 1.0, 0.05, comparison="a", quantity="b", unit="c")
    assert found.outcome == "inconclusive" and found.decide is None and math.isnan(found.p)


def test_line_fits() -> None:
    layers = study(
        depths=(2, 4), seeds=1, layers=lambda f, found: {"gradient": np.exp(0.5 * np.arange(f["depth"]))[None]}
    )
    named = layers["layers"].merge(layers["runs"][["run_id", "activation", "depth"]], on="run_id")
    fits = line_fits(named.rename(columns={"activation": "series"}), 3)
    assert fits["depth"].tolist() == [4, 4]
    assert fits["slope"].to_numpy() == pytest.approx(0.5)
    assert fits["linearity"].to_numpy() == pytest.approx(1)


def grid(**axes: list[object]) -> pd.DataFrame:
    table = pd.MultiIndex.from_product(axes.values(), names=list(axes)).to_frame(index=False)
    return table.assign(run_id=[str(i) for i in range(len(table))], series=table["activation"])


FACTORS = ["activation", "init", "norm"]


def test_factors_that_are_crossed() -> None:
    full = grid(activation=["relu", "sigmoid"], init=["he", "critical"], norm=["none", "batch"], seed=[0, 1])
    assert crossed_factors(full, FACTORS, ["depth"]) is not None
    deep = pd.concat([full.assign(depth=4), full.assign(depth=8)])
    found = crossed_factors(deep, FACTORS, ["depth"])
    assert found is not None and found[1] == [*FACTORS, "depth"] and len(found[0]) == 32
    # adam in some cells only: those with sgd remain
    part = full[full["norm"] == "none"]
    mixed = pd.concat([full.assign(optimizer="sgd"), part.assign(optimizer="adam")])
    found = crossed_factors(mixed, FACTORS, ["optimizer"])
    assert found is not None and found[1] == FACTORS and set(found[0]["optimizer"]) == {"sgd"} and len(found[0]) == 16
    # two cells at another depth, named first: the factorial stays where it is
    shallow = full[(full["init"] == "he") & (full["norm"] == "none")].assign(depth=2)
    found = crossed_factors(pd.concat([shallow, full.assign(depth=8)]), FACTORS, ["depth"])
    assert found is not None and set(found[0]["depth"]) == {8} and len(found[0]) == 16
    # where most runs are, norm does not vary
    assert (
        crossed_factors(pd.concat([full[full["norm"] == "none"]] * 2 + [full]).assign(norm="none"), FACTORS, []) is None
    )
    assert crossed_factors(full.iloc[2:], FACTORS, []) is None
    assert crossed_factors(full[full["init"] == "he"], FACTORS, []) is None


def test_further_settings_of_a_crossed_factor_are_left_out() -> None:
    full = grid(activation=["relu", "sigmoid"], init=["he", "critical"], norm=["none", "batch"], seed=[0, 1])
    sgd, adam = (full.assign(optimizer=name, **{"optimizer.eps": eps}) for name, eps in (("sgd", None), ("adam", 1e-8)))
    small = adam[adam["norm"] == "none"].assign(**{"optimizer.eps": 1e-12})
    found = crossed_factors(pd.concat([sgd, adam, small]), FACTORS, ["optimizer"])
    assert found is not None
    assert found[1] == [*FACTORS, "optimizer"]
    assert len(found[0]) == 32
    assert set(found[0]["optimizer.eps"].dropna()) == {1e-8}


def test_exponential_verdict_turns_its_ends_with_the_sign() -> None:
    test = Test("a", "b", effect=1.0, unit="ln", low=0.5, high=2.0, n_first=3)
    shrunk = Verdict.of("supported", "", test).exponential("factor", sign=-1)
    assert (shrunk.low, shrunk.effect, shrunk.high) == pytest.approx((math.exp(-2), math.exp(-1), math.exp(-0.5)))


def test_words() -> None:
    assert [words.number(x) for x in (0.0, 1.0, 0.0123456, 52.78, 1234.5, 5.9e-11, -0.5, math.inf)] == [
        *("0", "1", "0.0123", "52.8", "1234", "5.9e-11", "-0.5", "infinity"),
    ]
    assert [words.percent(x) for x in (0.0, 1.0, 0.0042, 0.0001, 0.0996, 0.5)] == [
        *("0%", "100%", "0.4%", "below 0.1%", "10%", "50%"),
    ]
    assert words.signed(2.0) == "+2" and words.signed(-2.0) == "-2"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.depths([4]) == "depth 4" and words.depths([4, 8]) == "depths 4 and 8"
