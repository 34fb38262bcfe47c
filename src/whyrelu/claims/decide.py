"""From the tables of studies to effects.csv of each and the verdicts of all, without their runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.claims.declaration import Claim, read_claims
from whyrelu.claims.ledger import effects, verdicts
from whyrelu.errors import UserError
from whyrelu.files import write_json
from whyrelu.results.files import write_csv
from whyrelu.results.study import Study


def write_effects(study: Study, claims: Sequence[Claim] | None = None) -> None:
    """Write effects.csv of a study, by the claims of conf/claims by default."""
    write_csv(effects(read_claims() if claims is None else claims, study), study.folder / "effects.csv")


def decide(results: Path, claims: Sequence[Claim] | None = None) -> list[dict[str, Any]]:
    """Write effects.csv of every study in a folder anew, and claims.json; returns the entries of the latter.

    All is computed before the first file is written.
    """
    declared = read_claims() if claims is None else claims
    studies = [Study(path.parent) for path in sorted(results.glob("*/runs.parquet"))]
    if not studies:
        raise UserError(f"there are no tables in {results}: python src/aggregate.py writes those of a study")
    tables = [effects(declared, study) for study in studies]
    for study, table in zip(studies, tables, strict=True):
        write_csv(table, study.folder / "effects.csv")
    # as they are written: rounded
    effects_of_all = pd.concat([study.effects.assign(study=study.name) for study in studies])
    entries = verdicts(declared, effects_of_all)
    write_json(entries, results / "claims.json")
    return entries
