"""Rules at their edges, Holm's families, and verdicts from outcomes."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pytest

from claims.made import cell, study
from whyrelu.claims.declaration import Claim, Part
from whyrelu.claims.ledger import OUTCOMES, effects, outcome, verdict, verdicts
from whyrelu.errors import UserError
from whyrelu.results.columns import EFFECT_COLUMNS

YES, NO, OPEN = OUTCOMES


@pytest.mark.parametrize(
    ("rule", "low", "high", "expected"),
    [
        ({"above": 0}, 0.1, 0.2, YES),
        ({"above": 0}, 0.0, 0.2, OPEN),
        ({"above": 0}, -0.2, 0.0, NO),
        ({"above": 0}, -0.2, 0.1, OPEN),
        ({"above": 2}, 2.1, math.inf, YES),
        ({"below": 0.5}, 0.1, 0.49, YES),
        ({"below": 0.5}, 0.1, 0.5, OPEN),
        ({"below": 0.5}, 0.5, 0.9, NO),
        ({"below": 0}, -1, -1, YES),
        ({"inside": [0.9, 1.1]}, 0.91, 1.09, YES),
        ({"inside": [0.9, 1.1]}, 0.9, 1.09, OPEN),
        ({"inside": [0.9, 1.1]}, 0.91, 1.1, OPEN),
        ({"inside": [0.9, 1.1]}, 0.5, 0.9, NO),
        ({"inside": [0.9, 1.1]}, 1.1, 1.3, NO),
        ({"inside": [0.9, 1.1]}, 0.5, 1.5, OPEN),
        # one run has no interval
        ({"above": 0}, math.nan, math.nan, OPEN),
        ({"below": 0}, math.nan, math.nan, OPEN),
        ({"inside": [0, 1]}, math.nan, math.nan, OPEN),
    ],
)
def test_rules_of_an_interval_at_their_edges(rule: dict[str, Any], low: float, high: float, expected: str) -> None:
    assert outcome(rule, {"low": low, "high": high}) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, YES),
        ({"p_adjusted": 0.05}, OPEN),
        ({"estimate": 0.005}, OPEN),
        ({"superiority": 0.75}, YES),
        ({"superiority": 0.74}, OPEN),
        ({"estimate": -0.02, "superiority": 0.25}, NO),
        ({"estimate": -0.02, "superiority": 0.26}, OPEN),
        ({"estimate": -0.02, "superiority": 0.0, "p_adjusted": 0.2}, OPEN),
        # equal
        ({"p_adjusted": 1.0, "estimate": 0.0, "low_90": -0.004, "high_90": 0.004}, NO),
        ({"p_adjusted": 1.0, "estimate": 0.0, "low_90": -0.005, "high_90": 0.004}, OPEN),
        # a difference can be sure and small
        ({"estimate": 0.004, "low_90": 0.003, "high_90": 0.0045}, NO),
        ({"p_adjusted": math.nan, "low_90": math.nan, "high_90": math.nan}, OPEN),
    ],
)
def test_better_takes_significance_size_and_frequency(changed: dict[str, float], expected: str) -> None:
    row = {"low": 0.01, "high": 0.03, "estimate": 0.02, "p_adjusted": 0.049, "superiority": 1.0}
    assert outcome({"better": 0.005}, row | {"low_90": 0.012, "high_90": 0.028} | changed) == expected


def rows(study: object, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return told


def claim(told: dict[str, list[dict[str, Any]]], rule: dict[str, Any] | None = None, **changed: Any) -> Claim:
    """A claim whose parts tell the same rows of every study."""
    function: Callable[..., Any] = rows
    parts = {
        key: Part(f"part {key}", {"above": 0} if rule is None else rule, partial(function, told=own))
        for key, own in told.items()
    }
    return Claim(**{"id": "C1", "claim": "text", "definition": None, "studies": (), "parts": parts} | changed)


def row(low: float = 0.1, **changed: Any) -> dict[str, Any]:
    return {"estimate": low + 0.1, "low": low, "high": low + 0.2, "n": 5} | changed


def test_holm_is_done_over_the_rows_of_one_part_that_have_a_p() -> None:
    table = effects([claim({"a": [row(p=0.01), row(p=0.04), row()], "b": [row(p=0.03)]})], study(cell()))
    assert table["p_adjusted"].tolist() == pytest.approx([0.02, 0.04, math.nan, 0.03], nan_ok=True)
    assert list(table) == list(EFFECT_COLUMNS)


def test_what_is_told_beside_and_by_definition_has_no_outcome_and_studies_are_those_named() -> None:
    told = {"a": [row(), row(beside=True)]}
    assert effects([claim(told)], study(cell()))["outcome"].tolist() == [YES, ""]
    assert effects([claim(told, rule={}, definition="text")], study(cell()))["outcome"].tolist() == ["", ""]
    assert effects([claim(told, studies=("another",))], study(cell())).empty
    assert effects([claim({"a": []})], study(cell())).empty


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([row(estimates=1)], "did you mean 'estimate'"),
        ([row(estimate="high")], "ValueError: could not convert string to float: 'high'"),
        (3, "ValueError: "),
    ],
)
def test_what_is_no_effect_is_one_line_that_names_claim_part_and_study(told: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        effects([claim({"a": told})], study(cell()))
    assert str(caught.value).startswith("C1, part a, in study ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("lows", "of_part", "of_claim"),
    [
        ({"a": [0.1, 0.2]}, ["supported"], "supported"),
        ({"a": [0.1, -0.1]}, ["partly"], "partly"),
        ({"a": [0.1, -9]}, ["partly"], "partly"),
        ({"a": [-0.1, -9]}, ["not supported"], "not supported"),
        ({"a": [0.1], "b": [-0.1]}, ["supported", "not supported"], "partly"),
        ({"a": [0.1], "b": []}, ["supported", "not tested"], "supported"),
        ({"a": [-9], "b": []}, ["not supported", "not tested"], "not supported"),
        ({"a": [], "b": []}, ["not tested", "not tested"], "not tested"),
        ({"a": [0.1, -9], "b": [-9]}, ["partly", "not supported"], "partly"),
    ],
)
def test_verdicts_follow_from_outcomes(lows: dict[str, list[float]], of_part: list[str], of_claim: str) -> None:
    one = claim({key: [row(low) for low in own] for key, own in lows.items()})
    (entry,) = verdicts([one], effects([one], study(cell())).assign(study="made"))
    assert [part["verdict"] for part in entry["parts"].values()] == of_part
    assert entry["verdict"] == of_claim
    assert entry["studies"] == ([] if of_claim == "not tested" else ["made"])


def test_an_entry_of_claims_json_counts_outcomes_over_studies() -> None:
    one = claim({"a": [row(), row(-0.1, timed=True), row(-9)]})
    tables = [effects([one], study(cell())).assign(study=name) for name in ("one", "two")]
    (entry,) = verdicts([one], pd.concat(tables))
    counts = {"supports": 2, "contradicts": 2, "undecided": 2}
    assert entry["parts"]["a"] == {"says": "part a", "verdict": "partly", **counts}
    assert (entry["studies"], entry["timed"]) == (["one", "two"], True)
    defined = claim({}, definition="It is arithmetic.")
    assert [entry["verdict"] for entry in verdicts([defined], pd.concat(tables))] == ["by definition"]
    assert verdict([]) == "not tested"
