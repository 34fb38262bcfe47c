"""C2: which interactions count, and the interval of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from claims.studies import CLAIMS, entry, ledger, rng_of, study, tuning_of


def factorial(rescued: float, deeper: float = 0.0, depths: tuple[int, ...] = (4,), seeds: int = 6) -> dict[str, Any]:
    """A full factorial of activation, init and norm.

    Args:
        rescued: what batch norm adds to the accuracy of sigmoid only.
        deeper: what depth 8 adds with relu and batch norm, and takes off with one of them: an interaction of all three.
        depths: of it.
        seeds: of each cell.
    """

    def accuracy(factors: Mapping[str, Any]) -> float:
        signs = [1 if yes else -1 for yes in (factors["activation"] == "relu", factors["norm"] == "batch")]
        alone = factors["norm"] == "batch" and factors["activation"] == "sigmoid"
        third = deeper * signs[0] * signs[1] * (1 if factors["depth"] == 8 else -1)
        return 0.5 + rescued * alone + 0.1 * signs[0] + third + 0.01 * rng_of(factors).standard_normal()

    axes = [{"init": init, "norm": norm} for init in ("critical", "pytorch") for norm in ("none", "batch")]
    return study(depths=depths, seeds=seeds, axes=axes, level="off", accuracy=accuracy)


def test_all_interactions_have_an_interval() -> None:
    tables = factorial(0.2)
    found = entry("C2", tables)
    assert found["verdict"] == "supported"
    # means 0.6, 0.6, 0.4 and 0.6: a third each for activation, norm and their interaction
    assert found["effect"] == pytest.approx(100 / 3, abs=3)
    assert 0 < found["effect"] - found["low"] < 5 and 0 < found["high"] - found["effect"] < 5
    assert (found["comparison"], found["n"]) == ("all interactions", 48)
    shares = ledger(tables, CLAIMS["C2"]).shares
    assert "all interactions" not in set(shares["term"]) and shares["share"].sum() == pytest.approx(1)


def test_interactions_with_further_factors_do_not_count() -> None:
    found = entry("C2", factorial(0.0, deeper=0.1, depths=(4, 8)))
    # activation x norm x depth makes half of the variance, and is none among activation, init and norm
    assert "activation x norm x depth 4" in found["evidence"] or "activation x norm x depth 5" in found["evidence"]
    assert found["verdict"] == "refuted"
    assert found["effect"] < 1


def test_unequal_budgets_are_told() -> None:
    tables = factorial(0.2)
    tuning = tuning_of(tables, [0.01, 0.1, 1.0], lambda rate, seed: 0.0)
    assert "learning rates" not in entry("C2", tables | {"tuning": tuning})["evidence"]
    fewer = tuning[(tuning["lr"] < 1.0) | (tuning["norm"] == "batch")]
    assert "these cells tried 2 to 3 learning rates each" in entry("C2", tables | {"tuning": fewer})["evidence"]
