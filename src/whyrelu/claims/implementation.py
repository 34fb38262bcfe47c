"""C15: the gradient of ReLU is 0 or 1."""

from __future__ import annotations

import numpy as np

from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import REFUTED, SUPPORTED, Findings, Verdict, concluded, not_tested
from whyrelu.claims.words import number


def decide(evidence: Evidence, activation: str, values: list[float], kink: float) -> Findings:
    """Check the slopes of the implementation, exactly, at the points where it is drawn.

    Args:
        evidence: of the study.
        activation: to check.
        values: the only slopes that it is said to have.
        kink: where its slope is not defined, which is left out.
    """
    name = evidence.series(activation) or activation
    rows = evidence.functions[(evidence.functions["activation"] == name) & (evidence.functions["x"] != kink)]
    if rows.empty:
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    others = rows[~rows["slope"].isin(values)]
    said = " or ".join(number(value) for value in values)
    where = f"{len(rows)} points between {number(rows['x'].min())} and {number(rows['x'].max())}"
    if others.empty:
        counts = " and ".join(f"{int((rows['slope'] == value).sum())} times {number(value)}" for value in values)
        sentence = f"automatic differentiation gives {name} a slope of exactly {said} at all {where}: {counts}"
    else:
        worst = others.iloc[int(np.argmax(np.abs(others["slope"])))]
        sentence = (
            f"the slope of {name} is not {said} at {len(others)} of {where}, "
            f"such as {number(worst['slope'])} at {number(worst['x'])}"
        )
    verdict = SUPPORTED if others.empty else REFUTED
    return concluded(Verdict(verdict, sentence, float(len(others)), "points that deviate"))
