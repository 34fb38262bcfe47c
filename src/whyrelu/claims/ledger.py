"""The ledger: every claim decided from the evidence of one study."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from whyrelu.claims.declaration import Claim
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import Test, Verdict, contrast_table
from whyrelu.results.columns import SHARE_COLUMNS
from whyrelu.statistics.multiplicity import holm

_HEAD = ("id", "claim", "hypothesis")
_NUMBERS = ("effect", "unit", "low", "high", "n", "n_of", "p", "p_adjusted")
# The test that the numbers are of, and how many runs all tests of the verdict rest on, if they are more than its own.
_SUBJECT = ("runs", "comparison", "quantity", "depth", "facet")
# Numbers of claims.json have so many significant digits: the last ones differ between processors.
_DIGITS = 6


class Ledger(NamedTuple):
    """What the claims come out as.

    Attributes:
        entries: claims.json.
        contrasts: contrasts.parquet.
        shares: shares.parquet; no rows if the study is no factorial.
    """

    entries: list[dict[str, Any]]
    contrasts: pd.DataFrame
    shares: pd.DataFrame


def decide(claims: Sequence[Claim], evidence: Evidence) -> Ledger:
    """Decide all claims: collect their tests, correct p within each family, and conclude.

    Args:
        claims: as declared.
        evidence: of the study.
    """
    findings = [claim.decide(evidence) for claim in claims]
    owners = [(claim, test) for claim, found in zip(claims, findings, strict=True) for test in found.tests]
    adjusted = iter(_adjusted(owners))
    entries, tests = [], []
    shares = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in SHARE_COLUMNS.items()})
    for claim, found in zip(claims, findings, strict=True):
        own = [next(adjusted) for _ in found.tests]
        entries.append(_entry(claim, found.conclude(own)) | {"timed": any(test.timed for test in own)})
        tests += [(claim.id, test) for test in own]
        shares = shares if found.shares is None else found.shares
    return Ledger(entries, contrast_table(tests), shares)


def verdict_metrics(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Verdict and effect of each claim by its id, for metrics.json."""
    return {entry["id"]: {"verdict": entry["verdict"], "effect": entry["effect"]} for entry in entries}


def _adjusted(owners: Sequence[tuple[Claim, Test]]) -> list[Test]:
    """The tests with p corrected within families, and the outcomes that follow."""
    tests = [test for _, test in owners]
    families: dict[tuple[str, str], list[int]] = {}
    for i, (claim, test) in enumerate(owners):
        families.setdefault((claim.family, test.family), []).append(i)
    for members in families.values():
        ps, equalities = (holm([getattr(tests[i], name) for i in members]) for name in ("p", "p_equality"))
        for i, p, p_equality in zip(members, ps, equalities, strict=True):
            test = tests[i]
            outcome = test.outcome if test.decide is None else test.decide(float(p), float(p_equality))
            tests[i] = dataclasses.replace(
                test, p_adjusted=float(p), p_equality_adjusted=float(p_equality), outcome=outcome
            )
    return tests


def _entry(claim: Claim, verdict: Verdict) -> dict[str, Any]:
    """One entry of claims.json; numbers that are not finite are null."""
    entry: dict[str, Any] = {name: getattr(claim, name) for name in _HEAD} | {"verdict": verdict.verdict}
    entry |= {name: _plain(getattr(verdict, name)) for name in _NUMBERS}
    entry |= {"evidence": verdict.evidence, "figure": claim.figure, "rule": claim.rule}
    return entry | {name: getattr(verdict, name) for name in _SUBJECT}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
