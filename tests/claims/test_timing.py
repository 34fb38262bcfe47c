"""C3 to C6 and the seconds of C18 by their rules, from times that were made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import entry, ledger, study, verdict
from synthetic_timing import make_timing
from whyrelu.claims.times import step_seconds

TIMED = ("C3", "C4", "C5", "C6")


def tables_of(relu: float = 0.95, sigmoid: float = 0.95, **changed: Any) -> dict[str, Any]:
    """A study in which an activation reaches 0.8 at the first epoch if its curve is above that, or never."""
    curves = {"relu": [relu] * 4, "sigmoid": [sigmoid] * 4, "tanh": [0.9] * 4}
    return study(level="off", curve=lambda factors: curves[factors["activation"]], **changed)


def pair(ratio: float, **changed: Any) -> dict[str, Any]:
    return make_timing({"relu": 1.0, "sigmoid": ratio}, **changed)


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    return tables_of()


@pytest.mark.parametrize("claim", TIMED)
def test_verdicts(tables: Mapping[str, Any], claim: str) -> None:
    assert verdict(claim, {**tables, "timing": pair(3.0)}) == "supported"
    assert verdict(claim, {**tables, "timing": pair(1.0, growth=0.0)}) == "refuted"
    assert verdict(claim, {**tables, "timing": pair(3.0, blocks=1)}) == "inconclusive"
    assert verdict(claim, dict(tables)) == "not tested"
    assert verdict(claim, {**tables, "timing": make_timing({"relu": 1.0, "tanh": 2.0})}) == "not tested"
    # C4 takes the blocks of three widths
    found = entry(claim, {**tables, "timing": pair(3.0, blocks=9)})
    assert (found["n"], found["n_of"], found["timed"]) == (27 if claim == "C4" else 9, "blocks", True)
    border = {"C3": 1.05, "C4": 3.0, "C5": 1.05, "C6": 2.0}[claim]
    assert verdict(claim, {**tables, "timing": pair(border, noise=0.1, growth=0.005)}) == "inconclusive"


def test_one_place_where_it_is_not_slower_refutes_what_is_said_of_all(tables: Mapping[str, Any]) -> None:
    timing = pair(1.5)
    for kind, key, value in (("op", "size", 65536), ("step", "depth", 4)):
        for own in timing[kind]:
            if own["activation"] == "sigmoid" and own[key] == value and own.get("kind", "train") == "train":
                own["seconds"] = [seconds / 1.5 for seconds in own["seconds"]]
    changed = {**tables, "timing": timing}
    for claim, place in (("C3", "65,536 elements"), ("C5", "width 16, depth 4")):
        found = entry(claim, changed)
        assert found["verdict"] == "refuted"
        assert found["effect"] == pytest.approx(1.0, abs=0.02)
        assert place in found["evidence"]


def test_a_step_of_a_net_that_was_not_timed_has_no_seconds() -> None:
    timing = pair(2.0)
    assert step_seconds(None, "relu", 2, 16) is None
    assert step_seconds(timing, "relu", 3, 16) is None
    assert step_seconds(timing, "tanh", 2, 16) is None
    found = step_seconds(timing, "sigmoid", 4, 16)
    own = next(o for o in timing["step"] if (o["activation"], o["depth"], o["kind"]) == ("sigmoid", 4, "train"))
    assert found == np.median(own["seconds"])


def test_steps_become_seconds_where_there_are_times(tables: Mapping[str, Any]) -> None:
    found = ledger({**tables, "timing": pair(3.0)})
    (c18,) = [own for own in found.entries if own["id"] == "C18"]
    assert c18["timed"]
    assert c18["n_of"] == "runs"
    assert not c18["evidence"].startswith("in steps")
    rows = found.contrasts[found.contrasts["claim"] == "C18"]
    timed = rows["quantity"].str.startswith("seconds")
    assert timed.any()
    assert (rows["timed"] == timed).all()
    steps, seconds = (
        rows[(rows["quantity"] == f"{unit} to a validation accuracy of 0.8") & (rows["depth"] == 2)]["effect"].iloc[0]
        for unit in ("steps", "seconds")
    )
    # both take 19 steps; those of sigmoid take three times as long
    assert steps == 0
    assert seconds == pytest.approx(19 * (6e-3 - 2e-3), rel=0.1)


def test_without_times_nothing_else_changes(tables: Mapping[str, Any]) -> None:
    """What tables have in common whatever the machine is what is not marked as timed."""
    with_times, other, without = (
        ledger({**tables, "timing": timing}) for timing in (pair(3.0), pair(1.2, noise=0.02), None)
    )
    timed = {own["id"] for own in with_times.entries if own["timed"]}
    assert timed == {*TIMED, "C18"}
    for found in (other, without):
        assert [own for own in found.entries if own["id"] not in timed] == [
            own for own in with_times.entries if own["id"] not in timed
        ]
        left, right = (
            table[~table["timed"]].reset_index(drop=True) for table in (with_times.contrasts, found.contrasts)
        )
        assert left.equals(right)
