"""The claims of a published study decided anew, without its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from whyrelu.claims.declaration import Claim, declared_thresholds, read_claims
from whyrelu.claims.study import decide_study
from whyrelu.errors import UserError
from whyrelu.results.columns import CONVERGENCE_COLUMNS
from whyrelu.results.files import read_json, read_table
from whyrelu.results.tables import RUN_COLUMNS

# What is said of a claim that one of the two ledgers does not have.
ABSENT = "not in the ledger"


class Change(NamedTuple):
    """A claim with another verdict than before."""

    id: str
    before: str
    after: str


class Decided(NamedTuple):
    """Verdicts by the ids of claims, in the order of the ledger, and which of them are others than before."""

    verdicts: dict[str, str]
    changes: list[Change]


def decide_anew(directory: Path, claims: Sequence[Claim] | None = None) -> Decided:
    """Decide all claims from the tables of a study, and write what `src/aggregate.py` writes of them.

    Args:
        directory: results/<study>.
        claims: those of conf/claims by default.

    Raises:
        UserError: a table is missing or damaged, or a claim asks for a threshold of validation accuracy of which the
            tables do not say when runs reach it.
    """
    declared = read_claims() if claims is None else claims
    before = {entry["id"]: str(entry["verdict"]) for entry in read_json(directory / "claims.json")}
    _check_thresholds(declared, directory)
    after = {entry["id"]: str(entry["verdict"]) for entry in decide_study(declared, directory)}
    changes = [
        Change(claim, before.get(claim, ABSENT), after.get(claim, ABSENT))
        for claim in dict.fromkeys([*after, *before])
        if before.get(claim) != after.get(claim)
    ]
    return Decided(after, changes)


def _check_thresholds(claims: Sequence[Claim], directory: Path) -> None:
    known = set(read_table(directory / "convergence.parquet", CONVERGENCE_COLUMNS)["threshold"])
    for data in read_table(directory / "runs.parquet", RUN_COLUMNS)["data"].unique():
        if missing := [f"{value:g}" for value in declared_thresholds(claims, data) if value not in known]:
            raise UserError(
                f"{directory} does not say when runs reach a validation accuracy of {', '.join(missing)}, for which a "
                "claim asks: python src/aggregate.py with the settings of the sweep looks it up in the runs"
            )
