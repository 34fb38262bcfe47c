"""C12: which contrast the effect is of, and settings in which the rescaled sigmoid was not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from claims.studies import entry, study

ARMS = ("sigmoid", "rescaled_sigmoid", "centred_sigmoid")


def arms(failing: Mapping[str, int], depths: tuple[int, ...] = (4,)) -> dict[str, Any]:
    """A study in which so many of ten runs of each arm fail."""

    def outcome(factors: Mapping[str, Any]) -> str:
        return "at_chance" if factors["seed"] < failing.get(factors["activation"], 0) else "learned"

    return study(ARMS, depths=depths, outcome=outcome, level="off")


def test_the_effect_is_that_of_the_arm_that_decides() -> None:
    # both arms learn alike: equal effects, of which one decides
    found = entry("C12", arms({"sigmoid": 10}))
    assert (found["verdict"], found["effect"]) == ("refuted", -100)
    assert found["comparison"] == "rescaled_sigmoid - sigmoid"
    assert (found["depth"], found["n"]) == (4, 20)
    assert found["p_adjusted"] < 0.001


def test_support_is_shown_as_the_share_it_rests_on() -> None:
    found = entry("C12", arms({"sigmoid": 10, "rescaled_sigmoid": 10}))
    assert (found["verdict"], found["comparison"]) == ("supported", "rescaled_sigmoid")
    assert (found["effect"], found["n"]) == (100, 10)
    assert found["low"] == pytest.approx(72.2, abs=0.1)


def test_a_setting_without_the_arm_leaves_support_open() -> None:
    tables = arms({"sigmoid": 10, "rescaled_sigmoid": 10}, depths=(4, 8))
    gone = tables["runs"].query("activation == 'rescaled_sigmoid' and depth == 8")["run_id"]
    for name, table in tables.items():
        if isinstance(table, pd.DataFrame) and "run_id" in table:
            tables[name] = table[~table["run_id"].isin(gone)].reset_index(drop=True)
    found = entry("C12", tables)
    assert found["verdict"] == "inconclusive"
    assert found["evidence"].endswith("; open: rescaled_sigmoid at depth 8")
