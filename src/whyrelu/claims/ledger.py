"""The ledger: outcomes of effects by the rules of their parts, and verdicts of parts and claims (docs/protocol.md)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from whyrelu.claims.declaration import Claim
from whyrelu.errors import UnknownNameError, UserError, one_line
from whyrelu.results.columns import EFFECT_COLUMNS
from whyrelu.results.study import Study
from whyrelu.statistics.tests import holm

# What functions may say too: whether a row decides nothing, and the 90% interval for the rule `better`.
_FURTHER = ("beside", "low_90", "high_90")
# Of the rule `better`, beside its margin.
ALPHA, SUPERIORITY = 0.05, 0.75
SUPPORTS, CONTRADICTS, UNDECIDED = OUTCOMES = ("supports", "contradicts", "undecided")
SUPPORTED, PARTLY, NOT_SUPPORTED = "supported", "partly", "not supported"
BY_DEFINITION, NOT_TESTED = "by definition", "not tested"


def effects(claims: Iterable[Claim], study: Study) -> pd.DataFrame:
    """The effects in one study, with their outcomes: EFFECT_COLUMNS; a part that gives none is a UserError."""
    tables = []
    for claim in claims:
        for key in claim.parts if not claim.studies or study.name in claim.studies else ():
            try:
                tables.append(_part_effects(claim, key, study))
            except Exception as error:  # it may be a person's own function
                raise UserError(f"{claim.id}, part {key}, in study {study.name}: {one_line(error)}") from error
    if not tables:
        return pd.DataFrame(columns=list(EFFECT_COLUMNS)).astype(EFFECT_COLUMNS)
    return pd.concat(tables, ignore_index=True)


def _part_effects(claim: Claim, key: str, study: Study) -> pd.DataFrame:
    part = claim.parts[key]
    table = pd.DataFrame(part.effects(study))
    for name in table:
        if name not in (*EFFECT_COLUMNS, *_FURTHER):
            raise UnknownNameError("column of effects", str(name), [*EFFECT_COLUMNS, *_FURTHER])
    table = table.reindex(columns=[*EFFECT_COLUMNS, *_FURTHER])
    texts = [name for name, kind in EFFECT_COLUMNS.items() if kind == "str"]
    table = table.assign(
        claim=claim.id, part=key, timed=table["timed"].eq(True), **table[texts[2:]].astype("str").fillna("")
    )
    table["p_adjusted"] = holm(table["p"].astype("float64"))
    decides = ~table["beside"].eq(True) & bool(part.rule)
    table["outcome"] = [
        outcome(part.rule, row) if counts else "" for (_, row), counts in zip(table.iterrows(), decides, strict=True)
    ]
    return table[list(EFFECT_COLUMNS)].astype(EFFECT_COLUMNS)


def outcome(rule: Mapping[str, Any], row: Mapping[str, Any] | pd.Series) -> str:
    """What an effect says of a rule: "contradicts" if all of its interval lies on the other side.

    An interval above a bound lies wholly beyond it; one that ends at the bound is on the other side. `better` takes
    adjusted p < 0.05, a difference beyond the margin and P(A > B) of at least 0.75; it is contradicted by better the
    other way round, and by a 90% interval within the margin.
    """
    ((kind, value),) = rule.items()
    low, high = float(row["low"]), float(row["high"])
    if kind == "above":
        found = (low > value, high <= value)
    elif kind == "below":
        found = (high < value, low >= value)
    elif kind == "inside":
        found = (value[0] < low and high < value[1], high <= value[0] or low >= value[1])
    else:
        is_significant = row["p_adjusted"] < ALPHA
        is_equal = -value < row["low_90"] and row["high_90"] < value
        is_worse = row["estimate"] < -value and row["superiority"] <= 1 - SUPERIORITY
        is_better = row["estimate"] > value and row["superiority"] >= SUPERIORITY
        found = (is_significant and is_better, is_equal or (is_significant and is_worse))
    return SUPPORTS if found[0] else CONTRADICTS if found[1] else UNDECIDED


def verdicts(claims: Sequence[Claim], table: pd.DataFrame) -> list[dict[str, Any]]:
    """The entries of claims.json, from the effects of all studies with the column `study`."""
    return [_entry(claim, table[table["claim"] == claim.id]) for claim in claims]


def _entry(claim: Claim, table: pd.DataFrame) -> dict[str, Any]:
    parts: dict[str, dict[str, Any]] = {}
    for key, part in claim.parts.items():
        own = table[table["part"] == key]
        counts = {name: int((own["outcome"] == name).sum()) for name in OUTCOMES}
        parts[key] = {"says": part.says, "verdict": _of_part(counts), **counts}
    found = [part["verdict"] for part in parts.values()]
    return {
        "id": claim.id,
        "claim": claim.claim,
        "verdict": BY_DEFINITION if claim.definition else verdict(found),
        "definition": claim.definition,
        "timed": bool(table["timed"].any()),
        "studies": sorted(set(table["study"])),
        "parts": parts,
    }


def _of_part(counts: Mapping[str, int]) -> str:
    if not any(counts.values()):
        return NOT_TESTED
    if counts[SUPPORTS] == sum(counts.values()):
        return SUPPORTED
    return PARTLY if counts[SUPPORTS] else NOT_SUPPORTED


def verdict(parts: Iterable[str]) -> str:
    """That of a claim, from those of its parts; what is not tested is left out."""
    found = set(parts) - {NOT_TESTED}
    if not found:
        return NOT_TESTED
    return found.pop() if len(found) == 1 else PARTLY
