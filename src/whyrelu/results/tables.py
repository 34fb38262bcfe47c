"""From records of runs to the tables of runs, epochs and layers.

Rows come in the order activation, depth, the remaining factors, further axes, learning rate, seed: numbers ascend, and
names keep the order in which they were first seen. No table holds a time or a fact about git, so the same runs give the
same bytes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whyrelu.config.schema import TUNED
from whyrelu.errors import UserError
from whyrelu.results.columns import FACTORS, HISTORY_COLUMNS, LAYER_COLUMNS, RUN_COLUMNS, SUMMARY_COLUMNS
from whyrelu.results.labels import LR_GIVEN, cell_factors, value_text

Record = Mapping[str, Any]
# Gives the diagnostics of a record, (epochs, layers, columns) as the record names them.
LoadLayers = Callable[[Record], NDArray[np.float64] | None]


def compares_tuned_with_given(ways: Iterable[str]) -> bool:
    """Whether some of the rates of a study are "tuned" and some given; as what is then a factor, `lr_given`."""
    return len({way == TUNED for way in ways}) == 2


def with_lr_given(records: Iterable[Record], given: Mapping[str, Sequence[str]]) -> list[Record]:
    """Records with `lr_given` among their factors, in a study that compares tuned rates with given ones.

    `given` says of every run, by its id, what its lr was given as. A run whose tuned rate happens to be a given number
    was trained once and counts on both sides: it has two rows, the second with "+" and how its rate was given behind
    the id.
    """
    if not compares_tuned_with_given(way for ways in given.values() for way in ways):
        return list(records)
    return [
        {
            **record,
            "run_id": f"{record['run_id']}+{way}" if i else record["run_id"],
            "factors": {**record["factors"], LR_GIVEN: way},
        }
        for record in records
        for i, way in enumerate(given[record["run_id"]])
    ]


def trained_id(run_id: str) -> str:
    """The id of the run that a row is of, which has a folder."""
    return run_id.partition("+")[0]


def runs_table(records: Sequence[Record]) -> pd.DataFrame:
    """runs.parquet from the records of finished runs; none, one that is incomplete, or one twice is a UserError."""
    if not records:
        raise UserError("there are no runs to make tables of")
    rows = [
        {**record["metrics"], **{name: record[name] for name in ("run_id", "status", "outcome")}} for record in records
    ]
    measured = pd.DataFrame(rows).reindex(columns=[name for name in RUN_COLUMNS if name not in FACTORS])
    factors = _factors_table([record["factors"] for record in records])
    for name in {*FACTORS, *measured.columns} - {*SUMMARY_COLUMNS, "clip", "train_loss", "val_accuracy"}:
        column = factors[name] if name in FACTORS else measured[name]
        if column.isna().any():
            run_id = measured.loc[column.isna(), "run_id"].iloc[0]
            raise UserError(f"run {run_id} is not complete: its run.json has no {name}")
    if count := int(measured["run_id"].duplicated().sum()):
        raise UserError(f"{count} runs were given twice")
    table = pd.concat([measured[["run_id"]], factors, measured.drop(columns="run_id")], axis=1)
    return _ordered(table.astype(RUN_COLUMNS), [*factors.columns])


def history_table(records: Sequence[Record], runs: pd.DataFrame) -> pd.DataFrame:
    """history.parquet, in the order of the runs; losses that were not finite are missing."""
    by_id = {record["run_id"]: record["history"] for record in records}
    histories = [by_id[run_id] for run_id in runs["run_id"]]
    lengths = [len(history.get("epoch", ())) for history in histories]
    columns: dict[str, Any] = {"run_id": runs["run_id"].repeat(lengths).to_numpy()}
    for name in list(HISTORY_COLUMNS)[1:]:
        columns[name] = [value for history in histories for value in history.get(name, ())]
    return pd.DataFrame(columns).astype(HISTORY_COLUMNS)


def layers_table(records: Sequence[Record], runs: pd.DataFrame, load: LoadLayers) -> pd.DataFrame:
    """layers.parquet, in the order of the runs; a DataError if the diagnostics of a run are damaged."""
    by_id = {record["run_id"]: record for record in records}
    parts = []
    for run_id in runs["run_id"]:
        if (values := load(by_id[run_id])) is None:
            continue
        said = by_id[run_id]["diagnostics"]
        epochs, layers, columns = values.shape
        places = {
            "run_id": run_id,
            "epoch": np.repeat(said["epochs"], layers),
            "layer": np.tile(np.arange(1, layers + 1), epochs),
            "exact": said["exact"],
        }
        measured = dict(zip(said["columns"], values.reshape(-1, columns).T, strict=True))
        parts.append(pd.DataFrame(places | measured))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return table.reindex(columns=list(LAYER_COLUMNS)).astype(LAYER_COLUMNS).replace([np.inf, -np.inf], np.nan)


def planned_cells(factors: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The cells of runs that need not have taken place, as cells.parquet names and orders them.

    `factors` are of each run, as `whyrelu.runs.identity.factors` gives them. The column `run` is the position there of
    the first run of the cell.
    """
    table = _factors_table(factors)
    table = _ordered(table.assign(run=range(len(table))).astype(FACTORS), list(table.columns))
    names = cell_factors(table.drop(columns="run"))
    return table.drop_duplicates(names)[[*names, "run"]].reset_index(drop=True)


def _factors_table(factors: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """`FACTORS` and the further settings that are axes of the study, a row per run."""
    plain = [
        {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in run.items()}
        for run in factors
    ]
    table = pd.DataFrame(plain)
    axes = [name for name in map(str, table) if name not in {*FACTORS, "study"} and _is_axis(table, name)]
    return table.reindex(columns=[*FACTORS, *axes]).assign(**{name: _axis(table[name]) for name in axes})


def _is_axis(table: pd.DataFrame, name: str) -> bool:
    """Whether a further setting varies, and a dotted one while what it belongs to stays.

    The negative_slope of leaky_relu is missing for relu, which does not make it an axis. What a sigmoid is shifted by
    always is one, as half of its name.
    """
    if name == "activation.shift":
        return True
    group = name.partition(".")[0]
    if group == name or group not in table:
        return bool(table[name].nunique(dropna=False) > 1)
    return len(table[[group, name]].drop_duplicates()) > table[group].nunique()


def _axis(column: pd.Series) -> pd.Series:
    """A column of one kind: numbers, truths, or texts where kinds are mixed."""
    kinds = set(map(type, column.dropna()))
    if kinds <= {bool}:
        return column.astype("boolean")
    if kinds <= {int, float}:
        return column.astype("float64")
    return column.map(value_text, na_action="ignore").astype("str")


def _ordered(table: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    # rates that were tuned differ from cell to cell, and would tear apart what belongs together
    others = [name for name in factors if name not in ("activation", "depth", "lr", "seed")]
    keys = ["activation", "depth", *others, "lr", "seed"]
    return table.sort_values(keys, key=_ranks, na_position="first", kind="stable", ignore_index=True)


def _ranks(column: pd.Series) -> pd.Series:
    is_number = pd.api.types.is_numeric_dtype(column)
    return column if is_number else pd.Series(pd.factorize(column)[0], index=column.index)
