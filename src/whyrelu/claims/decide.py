"""The claims of a published study decided anew, without its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from whyrelu.claims.declaration import Claim, declared_thresholds, read_claims
from whyrelu.claims.study import decide_study
from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.columns import CONVERGENCE_COLUMNS
from whyrelu.results.files import read_table
from whyrelu.results.tables import RUN_COLUMNS

# What is said of a claim that one of the two ledgers does not have.
ABSENT = "not in the ledger"


class Change(NamedTuple):
    """A claim with another verdict than before."""

    id: str
    before: str
    after: str


class Decided(NamedTuple):
    """Verdicts by the ids of claims, in the order of the ledger, and what has changed; claims may be gone, too."""

    verdicts: dict[str, str]
    changes: list[Change]


def decide_anew(directory: Path, claims: Sequence[Claim] | None = None) -> Decided:
    """Decide all claims from the tables of a study, and write the same files as `src/aggregate.py` does then.

    They are claims.json, contrasts.parquet, shares.parquet, and the claims in metrics.json. The tables from which it
    is decided stay as they are, so that a threshold that no claim asks for any longer is still in convergence.parquet.

    Args:
        directory: results/<study>.
        claims: those of conf/claims by default.

    Raises:
        UserError: a table is missing or damaged, or a claim asks for a threshold of validation accuracy of which the
            tables do not say when runs reach it.
    """
    declared = read_claims() if claims is None else claims
    before = _verdicts(directory / "claims.json")
    # all of it before the first file is written
    _check_metrics(directory / "metrics.json")
    _check_thresholds(declared, directory)
    after = {entry["id"]: str(entry["verdict"]) for entry in decide_study(declared, directory)}
    changes = [
        Change(claim, before.get(claim, ABSENT), after.get(claim, ABSENT))
        for claim in dict.fromkeys([*after, *before])
        if before.get(claim) != after.get(claim)
    ]
    return Decided(after, changes)


def _verdicts(path: Path) -> dict[str, str]:
    """Verdicts by the ids of claims; none where there is no file yet."""
    if not path.is_file():
        return {}
    entries: Any = read_json(path)
    try:
        return {entry["id"]: str(entry["verdict"]) for entry in entries}
    except (TypeError, KeyError):
        raise UserError(f"{path} is no list of claims: delete it, and the same command makes it anew") from None


def _check_metrics(path: Path) -> None:
    if not isinstance(read_json(path), dict):
        raise UserError(f"{path} holds no metrics: python src/aggregate.py writes it again")


def _check_thresholds(claims: Sequence[Claim], directory: Path) -> None:
    runs = read_table(directory / "runs.parquet", RUN_COLUMNS)
    reached = read_table(directory / "convergence.parquet", CONVERGENCE_COLUMNS)
    for data, own in runs.groupby("data"):
        known = set(reached.loc[reached["run_id"].isin(own["run_id"]), "threshold"])
        if missing := [f"{value:g}" for value in declared_thresholds(claims, str(data)) if value not in known]:
            raise UserError(
                f"{directory} does not say when runs reach a validation accuracy of {', '.join(missing)}, for which a "
                "claim asks: python src/aggregate.py with the settings of the sweep looks it up in the runs"
            )
