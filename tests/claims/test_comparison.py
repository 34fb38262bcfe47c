"""Equality at one of several depths: its p is corrected as that of a difference is, and few runs never show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import CLAIMS, entry, ledger, study
from whyrelu.statistics.equivalence import tost

DEPTHS = (2, 4, 8, 16)


def barely_equal(depths: tuple[int, ...], spread: float = 0.0085, seeds: int = 10) -> dict[str, Any]:
    """A study in which both activations have the same accuracies at every depth, scattered so that p is 0.03."""
    scattered = np.random.default_rng(0).permutation(np.linspace(-1, 1, seeds))

    def accuracy(factors: Mapping[str, Any]) -> float:
        return 0.9 + spread * float(scattered[factors["seed"]])

    return study(depths=depths, seeds=seeds, level="off", accuracy=accuracy)


def test_equality_at_one_of_four_depths_takes_more() -> None:
    single = entry("C17", barely_equal((2,)))
    assert single["verdict"] == "refuted"
    assert 0.02 < single["p"] == single["p_adjusted"] < 0.04
    tables = barely_equal(DEPTHS)
    found = ledger(tables, CLAIMS["C17"])
    at_depths = found.contrasts[found.contrasts["depth"].notna()]
    assert at_depths["p_equality"].to_numpy() == pytest.approx(single["p"], rel=1e-3)
    assert at_depths["p_equality_adjusted"].to_numpy() == pytest.approx(4 * single["p"], rel=1e-3)
    assert set(at_depths["outcome"]) == {"inconclusive"}
    assert found.entries[0]["verdict"] == "inconclusive"


def test_all_depths_together_can_be_equal_where_none_is_alone() -> None:
    contrasts = ledger(barely_equal(DEPTHS), CLAIMS["C17"]).contrasts
    pooled = contrasts[contrasts["depth"].isna()].iloc[0]
    assert pooled["outcome"] == "equivalent" and pooled["p_equality_adjusted"] < 0.001


@pytest.mark.parametrize(("seeds", "verdict"), [(2, "inconclusive"), (10, "refuted")])
def test_two_runs_at_exactly_the_same_are_no_equality(seeds: int, verdict: str) -> None:
    found = entry("C17", barely_equal((2, 4), spread=0.0, seeds=seeds))
    assert found["verdict"] == verdict
    assert found["effect"] == 0


@pytest.mark.soak
@pytest.mark.parametrize("spread", [0.0005, 0.005])
def test_a_difference_of_the_margin_is_seldom_called_equal_at_any_depth(spread: float) -> None:
    """Simulated studies of four depths, Holm over them, as the ledger does."""
    rng, wrong, alone = np.random.default_rng(0), 0, 0
    for _ in range(400):
        pairs = [(rng.normal(0.905, spread, 5), rng.normal(0.9, spread, 5)) for _ in DEPTHS]
        ps = np.array([tost(*pair, 0.005).p for pair in pairs])
        # the smallest p decides whether Holm leaves any
        wrong += bool(ps.min() < 0.05 / len(DEPTHS))
        alone += bool(ps.min() < 0.05)
    print(f"equality at any of {len(DEPTHS)} depths: {wrong / 400:.1%}, each at 5%: {alone / 400:.1%}")
    # 5% and two Monte Carlo errors
    assert wrong / 400 <= 0.05 + 2 * 0.011
    # without a correction it would not hold, where spreads are small
    assert spread > 0.001 or alone / 400 > 0.1
