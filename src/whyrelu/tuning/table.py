"""tuning.parquet and lr.csv of a study: made of finished runs, and added to what they have of other cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from whyrelu.config.settings import Job
from whyrelu.errors import UserError
from whyrelu.results.columns import LR_COLUMNS, SUMMARY_COLUMNS, TUNING_COLUMNS
from whyrelu.results.files import csv_text, read_table, write_bytes, write_table
from whyrelu.results.seal import check_rows, with_checks
from whyrelu.results.tables import FACTORS, METRICS, RUN_COLUMNS, TableBuilder, factor_columns
from whyrelu.runs.identity import tuning_cell
from whyrelu.runs.plan import identify
from whyrelu.runs.store import RunStore

_WRITER = "python src/tune.py"


class Tuned(NamedTuple):
    """What was tuned.

    Attributes:
        runs: rows of tuning.parquet.
        rates: of lr.csv, one row for each cell in `runs`.
    """

    runs: pd.DataFrame
    rates: pd.DataFrame


def group_of(config: Mapping[str, Any]) -> str:
    """What a cell has in common with those it is compared with: all but the activation. 16 hex digits."""
    return tuning_cell({key: value for key, value in config.items() if key != "activation"})


def tuning_table(jobs: Sequence[Job], store: RunStore) -> pd.DataFrame:
    """Rows of tuning.parquet for some finished points.

    Raises:
        UserError: one of them is not finished.
    """
    records, own = [], {}
    for run in identify(jobs):
        record = store.record(run.run_id)
        if record is None:
            raise UserError(f"run {run.run_id} ({run.label}) is not finished; the same command goes on")
        records.append(record)
        own[run.run_id] = {"cell": tuning_cell(run.config), "group": group_of(run.config)}
    return tuning_rows(records, own)


def tuning_rows(records: Iterable[Mapping[str, Any]], own: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Rows of tuning.parquet.

    Args:
        records: as in run.json.
        own: the `cell` and `group` of every run, by its id.
    """
    builder, further = TableBuilder(), {}
    for record in records:
        builder.add(record)
        run_id = record["run_id"]
        settings = json.dumps(record["factors"], sort_keys=True)
        further[run_id] = {**own[run_id], "val_loss": record["metrics"].get("val_loss"), "settings": settings}
    runs = builder.tables().runs
    columns = pd.DataFrame([further[run_id] for run_id in runs["run_id"]], columns=list(TUNING_COLUMNS))
    return runs.join(columns.astype(TUNING_COLUMNS))


def nothing_tuned() -> Tuned:
    """Of a study in which nothing was tuned."""
    runs, rates = RUN_COLUMNS | TUNING_COLUMNS, ["cell", *(name for name in FACTORS if name not in ("lr", "seed"))]
    return Tuned(
        pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in runs.items()}),
        pd.DataFrame(columns=[*rates, *LR_COLUMNS]),
    )


def read_tuned(path: Path) -> Tuned:
    """Read lr.csv and the tuning.parquet beside it; without rows if neither is there.

    Raises:
        UserError: one is missing, damaged or of an earlier version, or they do not belong together.
    """
    table = path.with_name("tuning.parquet")
    if not (path.exists() or table.exists()):
        return nothing_tuned()
    runs = read_table(table, [*RUN_COLUMNS, *TUNING_COLUMNS], _WRITER)
    try:
        check_rows(path.read_text(encoding="utf-8"))
        rates = pd.read_csv(path, dtype={"cell": "str", "flag": "str"}, encoding="utf-8")
        numbers = rates[["cell", *LR_COLUMNS]].fillna({"flag": ""}).astype({"cell": "str"} | LR_COLUMNS)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {_WRITER} writes it") from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())}): {_WRITER} writes it again") from None
    if set(runs["cell"]) != set(numbers["cell"]) or numbers["cell"].duplicated().any():
        raise UserError(f"{table} and {path.name} do not belong together: {_WRITER} writes them again")
    return Tuned(runs, numbers)


def without(tuned: Tuned, cells: Iterable[str]) -> Tuned:
    """What was tuned of other cells than some."""
    gone = set(cells)
    return Tuned(*(table[~table["cell"].isin(gone)].reset_index(drop=True) for table in tuned))


def together(earlier: Tuned, new: Tuned) -> Tuned:
    """What was tuned, and what was tuned later, as one, with the columns that tell all cells apart.

    Of a cell that is in both the later stays. Activations stand in the order in which the earlier one has them, then
    those that are new.
    """
    kept = without(earlier, new.rates["cell"])
    if kept.runs.empty:
        return new
    order = {name: i for i, name in enumerate(dict.fromkeys([*earlier.runs["activation"], *new.runs["activation"]]))}
    rows = [row for table in (kept.runs, new.runs) for row in table.to_dict("records")]
    rows.sort(key=lambda row: order[row["activation"]])
    own = {str(row["run_id"]): {name: row[name] for name in ("cell", "group")} for row in rows}
    runs = tuning_rows(map(_record, rows), own)
    # a row of lr.csv names the factors of its cell
    factors = runs.drop_duplicates("cell")[["cell", *(name for name in factor_columns(runs) if name != "lr")]]
    numbers = [table[["cell", *LR_COLUMNS]].astype(LR_COLUMNS) for table in (kept.rates, new.rates)]
    return Tuned(runs, factors.merge(pd.concat(numbers, ignore_index=True), on="cell"))


def write_tuned(tuned: Tuned, path: Path) -> None:
    """Write lr.csv, whose rows have checksums, and the tuning.parquet beside it."""
    write_table(tuned.runs, path.with_name("tuning.parquet"))
    write_bytes(with_checks(csv_text(tuned.rates)).encode(), path)


def _record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """As much of a run's record as its row holds."""
    return {
        "run_id": row["run_id"],
        "status": row["status"],
        "at_chance": None if pd.isna(row["at_chance"]) else bool(row["at_chance"]),
        "factors": json.loads(row["settings"]),
        "metrics": {name: row[name] for name in (*METRICS, *SUMMARY_COLUMNS, "val_loss")},
        "history": {},
    }
