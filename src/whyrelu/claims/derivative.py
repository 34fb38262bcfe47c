"""C8: the derivative is non-negligible only in a narrow interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import REFUTED, SUPPORTED, Findings, Test, Verdict, concluded, not_tested
from whyrelu.claims.words import number


def decide(evidence: Evidence, activation: str, reference: str) -> Findings:
    """Compare where slopes are above 5% of their maximum: exact numbers, without runs.

    Args:
        evidence: of the study.
        activation: of which the interval is said to be narrow, read as: bounded on both sides.
        reference: of which it is said to be unbounded.
    """
    rows = evidence.functions.drop_duplicates("activation").set_index("activation")
    tests = [
        Test(
            comparison=str(name),
            quantity="width of the interval with a slope above 5% of its maximum",
            effect=float(width),
            unit="units of x",
            outcome="bounded" if math.isfinite(width) else "unbounded",
        )
        for name, width in rows["active_width"].items()
    ]
    names = [evidence.series(name) or name for name in (activation, reference)]
    if lacking := [name for name in names if name not in rows.index]:
        missing = not_tested(f"runs of {' and '.join(lacking)}", evidence.command_for(activation, reference))
        return Findings(tests, missing.conclude)
    first, second = (_active_set(rows, name) for name in names)
    bounded = [math.isfinite(found.low) and math.isfinite(found.high) for found in (first, second)]
    verdict = SUPPORTED if bounded == [True, False] else REFUTED
    sentence = (
        f"the slope of {names[0]} is above 5% of its maximum {_where(first)}, that of {names[1]} {_where(second)}; "
        "this is exact; that it is bounded is all that is tested, and how many units lie outside is what C7 measures"
    )
    return concluded(Verdict(verdict, sentence, first.width, "units of x"), tests)


class _ActiveSet(NamedTuple):
    low: float
    high: float
    width: float


def _active_set(rows: pd.DataFrame, name: str) -> _ActiveSet:
    return _ActiveSet(*(float(rows[f"active_{end}"][name]) for end in _ActiveSet._fields))


def _where(found: _ActiveSet) -> str:
    low, high, width = found
    if math.isnan(width):
        return "nowhere"
    if math.isinf(low) and math.isinf(high):
        return "everywhere"
    if math.isinf(high):
        return f"above {number(low)}, without end"
    if math.isinf(low):
        return f"below {number(high)}, without end"
    return f"between {number(low)} and {number(high)} (width {number(width)})"
