"""C10: runs that diverged are counted, rates are compared where all depths have them, and what decides is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from claims.studies import CLAIMS, entry, ledger, rng_of, study, tuning_of

RATES = [0.01, 0.1, 1.0]


def dead(mean: float, spread: float = 0.3) -> Any:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return {"dead": max(mean * (1 + spread * rng_of(factors).standard_normal()), 0)}

    return change


def tuned(tables: dict[str, Any], rising: bool = True) -> pd.DataFrame:
    return tuning_of(tables, RATES, lambda rate, seed: (rate if rising else 1 - rate) / 2 + 0.002 * (seed - 1000))


def test_diverged_runs_are_counted() -> None:
    tables = study(layers=dead(0.1), outcome=lambda f: "diverged" if f["seed"] < 3 and f["depth"] == 4 else "learned")
    # nothing can be told of weights that are no numbers
    tables["runs"].loc[tables["runs"]["status"] == "diverged", "dead_end"] = np.nan
    tuning = tuned(tables)
    gone = (tuning["lr"] == 1.0) & (tuning["depth"] == 4)
    tuning.loc[gone, "dead_end"] = np.nan
    tuning.loc[gone, "status"] = "diverged"
    found = entry("C10", tables | {"tuning": tuning})
    said = "{} of {} runs have no such number and are left out (diverged: {})"
    assert said.format(3, 20, 3) in found["evidence"]
    assert said.format(2, 12, 2) in found["evidence"]
    assert found["n"] == 10


def test_ends_are_at_rates_that_all_depths_tried() -> None:
    tables = study(layers=dead(0.1))
    tuning = tuned(tables)
    # depth 4 did not try the largest
    tuning = tuning[(tuning["lr"] < 1.0) | (tuning["depth"] == 2)]
    found = entry("C10", tables | {"tuning": tuning})["evidence"]
    # 0.6% and 5.1%, means of two seeds
    assert "they go from 0.6% at lr 0.01 to 5.1% at lr 0.1 (which every depth tried)" in found
    apart = tuning[(tuning["lr"] > 0.01) | (tuning["depth"] == 2)]
    apart = apart[(apart["lr"] < 0.1) | (apart["depth"] == 4)]
    extended = pd.concat([apart, apart.assign(lr=apart["lr"] * 3, run_id=apart["run_id"] + "x")])
    assert "they go from" not in entry("C10", tables | {"tuning": extended})["evidence"]


@pytest.mark.parametrize(
    ("mean", "rising", "verdict", "shown"),
    [
        (0.1, True, "supported", "rank correlation of dead units with the learning rate"),
        (0.1, False, "refuted", "rank correlation of dead units with the learning rate"),
        (0.0, True, "refuted", "dead units at the end"),
    ],
)
def test_what_decides_is_shown(mean: float, rising: bool, verdict: str, shown: str) -> None:
    tables = study(layers=dead(mean))
    found = entry("C10", tables | {"tuning": tuned(tables, rising)})
    assert (found["verdict"], found["quantity"]) == (verdict, shown)
    assert found["effect"] == pytest.approx(0 if mean == 0 else 0.96 if rising else -0.96, abs=0.03)


def test_two_runs_without_dead_units_do_not_refute() -> None:
    tables = study(seeds=2, layers=dead(0.0))
    assert entry("C10", tables | {"tuning": tuned(tables)})["verdict"] == "inconclusive"


def test_of_open_depths_the_one_with_most_dead_units_is_shown() -> None:
    # so few seeds that none at all is open, too, and more clearly so
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return {"dead": (0.0, 0.02, 0.1)[factors["seed"]] if factors["depth"] == 4 else 0.0}

    tables = study(seeds=3, layers=change)
    found = entry("C10", tables | {"tuning": tuned(tables)})
    rows = ledger(tables | {"tuning": tuned(tables)}, CLAIMS["C10"]).contrasts
    here = rows[rows["quantity"] == "dead units at the end"]
    assert here["outcome"].tolist() == ["inconclusive"] * 2 and here["p"].iloc[0] < here["p"].iloc[1]
    assert (found["verdict"], found["depth"]) == ("inconclusive", 4)


def test_the_depth_that_is_open_is_shown_and_its_seeds_are_for_all_depths() -> None:
    # on both sides of the bound at depth 2, and none at depth 4
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return {"dead": (0.0, 0.025)[factors["seed"] % 2] if factors["depth"] == 2 else 0.0}

    tables, alone = study(layers=change), study(depths=(2,), layers=change)
    found = entry("C10", tables | {"tuning": tuned(tables)})
    assert (found["verdict"], found["quantity"], found["depth"]) == ("inconclusive", "dead units at the end", 2)
    assert found["effect"] == pytest.approx(1.25)

    def seeds(tables: dict[str, Any]) -> int:
        rows = ledger(tables | {"tuning": tuned(tables)}, CLAIMS["C10"]).contrasts
        return int(rows.query("quantity == 'dead units at the end' and depth == 2")["seeds_needed"].iloc[0])

    # two tests share the level
    assert seeds(tables) > seeds(alone)
