"""Tables of a study: what their columns are, how they are built from run records, written and read back.

Columns of runs, history, cells and curves are defined here, all others in `results.columns`. Rows come in the order
activation (as first seen among the records, which is the order in which the sweep names them), depth, the remaining
factors in the order of `FACTORS`, further axes, seed; numbers ascend and names keep the order in which they were first
seen. No table made here holds a time or a fact about git, so the same runs give the same bytes.
"""

from __future__ import annotations

import itertools
import json
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whyrelu.errors import UserError
from whyrelu.results.columns import SUMMARY_COLUMNS, TUNING_COLUMNS

# Column of runs.parquet -> pandas dtype. A further axis of a study follows these.
RUN_COLUMNS = {
    "run_id": "str",
    "data": "str",
    "activation": "str",
    "depth": "int64",
    "width": "int64",
    "seed": "int64",
    "init": "str",
    "norm": "str",
    "optimizer": "str",
    "lr": "float64",
    "epochs": "int64",
    "precision": "str",
    "status": "str",
    "at_chance": "boolean",
    "steps": "int64",
    "parameters": "int64",
    "train_loss": "float64",
    "val_accuracy": "float64",
    "test_accuracy": "float64",
    # what the diagnostics found, in a few numbers; missing if they were off
    **dict.fromkeys(SUMMARY_COLUMNS, "float64"),
}
# The columns of runs.parquet that are set before a run; all others but run_id are measured.
FACTORS = ("data", "activation", "depth", "width", "seed", "init", "norm", "optimizer", "lr", "epochs", "precision")
METRICS = ("steps", "parameters", "train_loss", "val_accuracy", "test_accuracy")
# history.parquet: one row per run and epoch (from 1).
HISTORY_COLUMNS = {
    "run_id": "str",
    "epoch": "int64",
    "train_loss": "float64",
    "train_accuracy": "float64",
    "val_loss": "float64",
    "val_accuracy": "float64",
}
# cells.parquet: the factors but the seed, any further axis, and these. `failures` is `diverged` + `at_chance`, where
# `at_chance` counts the runs that did not diverge and still ended at chance; mean, sd, iqm (interquartile mean) and
# the interval of the mean are of test_accuracy over all runs of the cell, failed ones included.
CELL_STATISTICS = {
    "n": "int64",
    "failures": "int64",
    "diverged": "int64",
    "at_chance": "int64",
    "mean": "float64",
    "sd": "float64",
    "iqm": "float64",
    "low": "float64",
    "high": "float64",
}
# curves.csv: the cell's name and factors, and these per epoch: n, mean validation accuracy, interval of the mean.
CURVE_COLUMNS = ("epoch", "n", "val_accuracy", "low", "high")

_NAN = float("nan")
_NUMBERS = frozenset({int, float, bool, type(None)})


@dataclass(frozen=True)
class Tables:
    """What a study's records say.

    Attributes:
        runs: one row per run, columns `RUN_COLUMNS` and the further axes.
        history: one row per run and epoch, columns `HISTORY_COLUMNS`.
        common: factors with one value in all runs.
        implied: settings that go with another factor's value, e.g. {"optimizer.momentum": {"sgd": 0.9}}.
    """

    runs: pd.DataFrame
    history: pd.DataFrame
    common: dict[str, Any]
    implied: dict[str, dict[str, Any]]


class TableBuilder:
    """Collects records one by one, so that a large study is never held in memory as dictionaries."""

    def __init__(self) -> None:
        """Begin with no records."""
        self._columns: dict[str, list[Any]] = {name: [] for name in RUN_COLUMNS}
        self._further: dict[str, list[Any]] = {}
        # 8 bytes a number, where a list of Python's takes 32
        self._history = {name: array("d") for name in HISTORY_COLUMNS if name != "run_id"}
        self._lengths: list[int] = []

    def add(self, record: Mapping[str, Any]) -> None:
        """Add one finished run (the content of its run.json).

        Raises:
            UserError: a failed run, which has no results, or a record without one of the columns.
        """
        run_id = record["run_id"]
        if record["status"] == "failed":
            raise UserError(f"run {run_id} failed and has no results: {record.get('error')}")
        count = len(self._lengths)
        # numbers, which most are, without a call
        factors = {
            name: value if type(value) in _NUMBERS else _plain(value) for name, value in record["factors"].items()
        }
        metrics, columns = record["metrics"], self._columns
        try:
            for name in FACTORS:
                columns[name].append(factors.pop(name))
            for name in METRICS:
                columns[name].append(metrics[name])
            self._lengths.append(self._add_history(record["history"]))
            for name in SUMMARY_COLUMNS:
                columns[name].append(metrics.get(name))
        except KeyError as missing:
            raise UserError(f"run {run_id} is not complete: its run.json has no {missing}") from None
        if metrics["test_accuracy"] is None:
            raise UserError(f"run {run_id} is not complete: its run.json has no test accuracy")
        for name in ("run_id", "status", "at_chance"):
            columns[name].append(record[name])
        for name, value in factors.items():
            column = self._further.setdefault(name, [])
            if len(column) < count:
                column.extend([None] * (count - len(column)))
            column.append(value)

    def _add_history(self, history: Mapping[str, Any]) -> int:
        """Add the columns of one run's history, losses that were not finite (null) as nan; return its epochs."""
        if not history:
            return 0
        lengths = {len(history[name]) for name in self._history}
        if len(lengths) > 1:
            raise ValueError(f"columns of a history have different lengths: {lengths}")
        for name, column in self._history.items():
            values = history[name]
            # almost none has a null
            column.extend([_NAN if value is None else value for value in values] if None in values else values)
        return lengths.pop()

    def tables(self) -> Tables:
        """The tables of everything added so far.

        Raises:
            UserError: nothing was added, or the same run twice.
        """
        ids = self._columns["run_id"]
        if not ids:
            raise UserError("there are no runs to make tables of")
        if len(set(ids)) < len(ids):
            raise UserError(f"{len(ids) - len(set(ids))} runs were given twice")
        for column in self._further.values():
            column.extend([None] * (len(ids) - len(column)))
        factors = {**{name: self._columns[name] for name in FACTORS}, **self._further}
        axes = _axes(factors)
        data: dict[str, Any] = {name: pd.Series(self._columns[name], dtype=kind) for name, kind in RUN_COLUMNS.items()}
        data |= {name: _axis_array(self._further[name]) for name in axes}
        order = _order(factors, axes)
        runs = pd.DataFrame(data).take(order).reset_index(drop=True)
        common = {name: column[0] for name, column in factors.items() if len(set(column)) == 1}
        implied = {name: _by_group(name, factors) for name in self._further if name not in common and name not in axes}
        return Tables(runs, self._history_table(order), common, implied)

    def _history_table(self, order: NDArray[np.intp]) -> pd.DataFrame:
        lengths = np.array(self._lengths)
        starts = (np.cumsum(lengths) - lengths)[order]
        lengths = lengths[order]
        # the rows of the first run of the order, then those of the second, ...
        ends = np.cumsum(lengths)
        rows = np.arange(lengths.sum()) + np.repeat(starts - (ends - lengths), lengths)
        ids = np.array(self._columns["run_id"], dtype=object)[order]
        data: dict[str, Any] = {"run_id": pd.array(np.repeat(ids, lengths), dtype="str")}
        for name, values in self._history.items():
            data[name] = np.frombuffer(values)[rows].astype(HISTORY_COLUMNS[name])
        return pd.DataFrame(data)


def planned_cells(factors: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The cells of runs that need not have taken place: the columns that name a cell in cells.parquet, in its order.

    Args:
        factors: of each run, as `whyrelu.runs.identity.factors` gives them; at least one.

    Returns:
        one row per cell, and the column `run`, the position in `factors` of the first run of the cell.
    """
    plain = [{name: _plain(value) for name, value in run.items()} for run in factors]
    names = list(dict.fromkeys([*FACTORS, *itertools.chain.from_iterable(plain)]))
    columns = {name: [run.get(name) for run in plain] for name in names}
    axes = _axes(columns)
    data: dict[str, Any] = {name: pd.Series(columns[name], dtype=RUN_COLUMNS[name]) for name in FACTORS}
    data |= {name: _axis_array(columns[name]) for name in axes}
    table = pd.DataFrame(data).assign(run=range(len(plain))).take(_order(columns, axes))
    cells = [name for name in table.columns if name not in ("seed", "run")]
    return table.drop_duplicates(cells)[[*cells, "run"]].reset_index(drop=True)


def build_tables(records: Iterable[Mapping[str, Any]]) -> Tables:
    """The tables of `records` (the dictionaries of run.json), in one pass over them.

    Raises:
        UserError: no records, a failed or incomplete one, or the same run twice.
    """
    builder = TableBuilder()
    for record in records:
        builder.add(record)
    return builder.tables()


def factor_columns(table: pd.DataFrame) -> list[str]:
    """The factors and further axes among the columns of a table of runs or of cells, seed aside, in their order."""
    measured = {*RUN_COLUMNS, *CELL_STATISTICS, *CURVE_COLUMNS, *TUNING_COLUMNS} - set(FACTORS)
    return [name for name in table.columns if name not in measured and name != "seed"]


def _plain(value: Any) -> Any:
    """A value that can be a key: lists and dictionaries become their JSON text, and equal texts one object."""
    if isinstance(value, str):
        return sys.intern(value)
    return json.dumps(value) if isinstance(value, list | dict) else value


def _group(name: str, factors: Mapping[str, list[Any]]) -> list[Any] | None:
    """The column that a dotted setting belongs to: optimizer.momentum to optimizer."""
    return factors.get(name.split(".")[0]) if "." in name else None


def _axes(factors: Mapping[str, list[Any]]) -> list[str]:
    """The factors that are axes of the study, besides `FACTORS`."""
    return [name for name in factors if name not in FACTORS and _varies(name, factors)]


def _varies(name: str, factors: Mapping[str, list[Any]]) -> bool:
    """Whether a further factor is an axis of the study.

    A dotted one is only if it varies while what it belongs to stays: leaky_relu's negative_slope is missing for relu,
    which does not make it an axis.
    """
    group = _group(name, factors)
    if name == "study":
        return False
    if group is None:
        return len(set(factors[name])) > 1
    return len(set(zip(group, factors[name], strict=True))) > len(set(group))


def _by_group(name: str, factors: Mapping[str, list[Any]]) -> dict[str, Any]:
    group = _group(name, factors)
    if group is None:
        return {}
    return {str(owner): value for owner, value in zip(group, factors[name], strict=True) if value is not None}


def _axis_array(values: list[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pd.array(values, dtype="boolean")
    if kinds <= {int, float}:
        return pd.array(values, dtype="Int64" if kinds == {int} else "float64")
    return pd.array([None if value is None else str(value) for value in values], dtype="str")


def _order(factors: Mapping[str, list[Any]], axes: list[str]) -> NDArray[np.intp]:
    remaining = [name for name in FACTORS if name not in ("activation", "depth", "seed")]
    keys = ["activation", "depth", *remaining, *axes, "seed"]
    return np.lexsort([_ranks(factors[name]) for name in reversed(keys)])


def _ranks(values: list[Any]) -> NDArray[np.int64]:
    distinct = list(dict.fromkeys(values))
    if all(isinstance(value, int | float | None) for value in distinct):
        distinct.sort(key=lambda value: (value is not None, value or 0))
    rank = {value: i for i, value in enumerate(distinct)}
    return cast(NDArray[np.int64], np.array([rank[value] for value in values], dtype=np.int64))
