"""C1: which share or test stands for the verdict, and what more seeds would tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from claims.studies import CLAIMS, entry, ledger, study


def failing(counts: Mapping[tuple[str, int], int], depths: tuple[int, ...] = (2, 4), seeds: int = 10) -> dict[str, Any]:
    """A study in which so many runs of an activation fail at a depth."""

    def outcome(factors: Mapping[str, Any]) -> str:
        most = counts.get((factors["activation"], factors["depth"]), 0)
        return "at_chance" if factors["seed"] < most else "learned"

    return study(depths=depths, seeds=seeds, level="off", outcome=outcome)


@pytest.mark.parametrize(
    ("counts", "verdict", "shown", "effect"),
    [
        ({("sigmoid", 4): 10}, "supported", "sigmoid - relu", 100),
        ({}, "refuted", "sigmoid", 0),
        ({("sigmoid", 4): 10, ("relu", 4): 10}, "refuted", "relu", 100),
        ({("sigmoid", 4): 10, ("relu", 4): 3}, "inconclusive", "relu", 30),
        ({("sigmoid", 4): 6}, "inconclusive", "sigmoid", 60),
        ({("sigmoid", 2): 10, ("sigmoid", 4): 10}, "inconclusive", "sigmoid: depth 4 - depth 2", 0),
    ],
)
def test_what_decides_is_shown(counts: Mapping[tuple[str, int], int], verdict: str, shown: str, effect: float) -> None:
    found = entry("C1", failing(counts))
    assert (found["verdict"], found["comparison"]) == (verdict, shown)
    assert found["effect"] == pytest.approx(effect)
    # one share is of ten runs, a difference of twice as many, and the verdict of all
    assert found["n"] == (20 if "-" in shown else 10)
    assert found["runs"] == 40


def test_seeds_are_for_a_share_that_is_open() -> None:
    open_share = entry("C1", failing({("sigmoid", 4): 10, ("relu", 4): 3}))["evidence"]
    # 3 of 10 against one half
    assert "about 43 seeds per arm would tell the shares" in open_share
    # only the growth is open, which more seeds at depth 4 do not tell
    grows = entry("C1", failing({("sigmoid", 2): 10, ("sigmoid", 4): 10}))["evidence"]
    assert "open: whether sigmoid fails more at larger depth" in grows
    assert "seeds" not in grows


@pytest.mark.parametrize("depth", [3, 9, 10, 11, 24])
def test_half_of_the_runs_may_fail_at_a_depth_exactly(depth: int) -> None:
    tables = failing({("sigmoid", depth): 5}, depths=(2, depth))
    assert f"sigmoid between depths 2 and {depth}" in entry("C1", tables)["evidence"]
    contrasts = ledger(tables, CLAIMS["C1"]).contrasts
    half = contrasts[(contrasts["quantity"] == "L50") & (contrasts["comparison"] == "sigmoid")]
    assert half["effect"].item() == depth
