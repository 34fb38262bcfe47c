"""From the tables of studies to effects.csv of each and the verdicts of all, without their runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.claims.declaration import Claim, read_claims
from whyrelu.claims.ledger import COLUMNS, effects, verdicts
from whyrelu.errors import UserError
from whyrelu.files import write_bytes, write_json
from whyrelu.results.study import Study


def write_effects(study: Study, claims: Sequence[Claim] | None = None) -> None:
    """Write effects.csv of a study, by the claims of conf/claims by default."""
    _write(effects(read_claims() if claims is None else claims, study), study)


def _write(table: pd.DataFrame, study: Study) -> None:
    """With 6 significant digits."""
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_bytes(text.encode(), study.folder / "effects.csv")


def read_effects(results: Path) -> pd.DataFrame:
    """effects.csv of all studies in a folder, below one another, with the column `study`; a UserError names damage."""
    texts = {name: "str" for name, kind in COLUMNS.items() if kind == "str"}
    tables = []
    for path in sorted(results.glob("*/effects.csv")):
        try:
            table = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=dict.fromkeys(COLUMNS, ""))
            tables.append(table.fillna(dict.fromkeys(texts, "")).astype(COLUMNS)[list(COLUMNS)])
        except (ValueError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}): python src/decide.py writes it again") from None
        tables[-1]["study"] = path.parent.name
    empty = pd.DataFrame(columns=[*COLUMNS, "study"]).astype(COLUMNS)
    return pd.concat(tables, ignore_index=True) if tables else empty


def decide(results: Path, claims: Sequence[Claim] | None = None) -> list[dict[str, Any]]:
    """Write effects.csv of every study in a folder anew, and claims.json; returns the entries of the latter.

    Raises:
        UserError: a table or a claim is not valid. All is computed before the first file is written.
    """
    declared = read_claims() if claims is None else claims
    studies = [Study(path.parent) for path in sorted(results.glob("*/runs.parquet"))]
    if not studies:
        raise UserError(f"there are no tables in {results}: python src/aggregate.py writes those of a study")
    tables = [effects(declared, study) for study in studies]
    for study, table in zip(studies, tables, strict=True):
        _write(table, study)
    entries = verdicts(declared, read_effects(results))
    write_json(entries, results / "claims.json")
    return entries
