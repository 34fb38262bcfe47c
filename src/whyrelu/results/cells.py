"""Cells of a study: all runs that differ in the seed only, summarised; and which factors tell cells apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.results.statistics import seed_of, summarise, t_half_width
from whyrelu.results.tables import CELL_STATISTICS, CURVE_COLUMNS, FACTORS, factor_columns

# The pair of activations that the project is about.
PAIR = ("relu", "sigmoid")


def is_failure(runs: pd.DataFrame) -> pd.Series:
    """Which runs failed: diverged, or ended at chance. Shape (runs,)."""
    return (runs["status"] == "diverged") | runs["at_chance"].fillna(False).astype(bool)


def learns(cells: pd.DataFrame) -> pd.Series:
    """In which cells at least half of the runs did not fail. Shape (cells,)."""
    return 2 * cells["failures"] <= cells["n"]


def cells_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, in the order of the runs: its factors and `tables.CELL_STATISTICS`.

    The interval's ends are cut to [0, 1], where an accuracy can be. The bootstrap of a cell is seeded with the values
    of `tables.FACTORS`, so no cell changes when others or a further axis are added.
    """
    columns = factor_columns(runs)
    failed = is_failure(runs)
    diverged = runs["status"] == "diverged"
    rows = []
    for key, group in runs.groupby(columns, sort=False, dropna=False):
        factors = dict(zip(columns, key, strict=True))
        summary = summarise(group["test_accuracy"].to_numpy(), seed_of(_cell_name(factors, FACTORS)))
        failures, divergences = int(failed[group.index].sum()), int(diverged[group.index].sum())
        low, high = np.clip([summary.low, summary.high], 0, 1)
        counts = (summary.n, failures, divergences, failures - divergences)
        rows.append((*key, *counts, summary.mean, summary.sd, summary.iqm, float(low), float(high)))
    kinds: dict[str, Any] = {name: runs[name].dtype for name in columns} | CELL_STATISTICS
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def curves_table(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Mean validation accuracy per cell and epoch, with its t interval cut to [0, 1].

    A diverged run carries its last value on to the last epoch, so that every epoch is a mean over all runs.

    Returns:
        columns `cell` (its varying factors in words), the factors, and `tables.CURVE_COLUMNS`; cells in the order of
        the runs, epochs ascending.
    """
    accuracy = validation_matrix(runs, history)
    columns = factor_columns(runs)
    varying = [name for name in columns if runs[name].nunique(dropna=False) > 1] or ["activation", "depth"]
    parts = []
    for key, group in runs.groupby(columns, sort=False, dropna=False):
        factors: dict[str, Any] = dict(zip(columns, key, strict=True))
        values = accuracy[np.asarray(group.index)][:, : factors["epochs"]]
        count, epochs = values.shape
        mean = values.mean(axis=0)
        half = t_half_width(values.std(axis=0, ddof=1), count) if count > 1 else np.full(epochs, np.nan)
        data: dict[str, Any] = {"cell": _cell_name(factors, varying), **factors}
        statistics = (np.arange(1, epochs + 1), count, mean, np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1))
        parts.append(pd.DataFrame(data | dict(zip(CURVE_COLUMNS, statistics, strict=True)), index=range(epochs)))
    return pd.concat(parts, ignore_index=True)


def validation_matrix(runs: pd.DataFrame, history: pd.DataFrame) -> np.ndarray:
    """Validation accuracy of every run at every epoch, shape (runs, most epochs).

    A run that stopped early carries its last value on; one without any history has its final validation accuracy.
    """
    row = pd.Series(np.arange(len(runs)), index=runs["run_id"])[history["run_id"]].to_numpy()
    matrix = np.full((len(runs), int(runs["epochs"].max()) + 1), np.nan)
    matrix[:, 0] = runs["val_accuracy"]
    measured = history["val_accuracy"].to_numpy()
    matrix[row, history["epoch"].to_numpy()] = measured
    return pd.DataFrame(matrix).ffill(axis=1).to_numpy()[:, 1:]


def series_labels(table: pd.DataFrame) -> pd.Series:
    """What is drawn as one line: the activation, with those of its own settings that are axes of the study.

    Args:
        table: runs, cells or curves of the whole study.

    Returns:
        shape (rows,), e.g. "relu" or "leaky_relu(negative_slope=0.1)".
    """
    labels = table["activation"].astype("str")
    own = [name for name in factor_columns(table) if name.startswith("activation.")]
    if not own:
        return labels
    settings = [
        ", ".join(
            f"{name.partition('.')[2]}={value_text(value)}"
            for name, value in zip(own, row, strict=True)
            if not pd.isna(value)
        )
        for row in table[own].itertuples(index=False)
    ]
    return pd.Series(
        [f"{label}({text})" if text else label for label, text in zip(labels, settings, strict=True)],
        index=table.index,
        dtype="str",
    )


def facet_columns(cells: pd.DataFrame) -> list[str]:
    """The factors, besides activation and depth, that it takes to tell all cells apart.

    A learning rate that goes with the optimizer, or was chosen for each cell, is none of them.
    """
    columns = [name for name in factor_columns(cells) if name != "depth" and not name.startswith("activation")]
    # the learning rate last: it is the one most often implied by others
    columns.sort(key=lambda name: name == "lr")
    key = pd.DataFrame({"series": series_labels(cells), "depth": cells["depth"]})
    facets: list[str] = []
    for name in columns:
        group = key.assign(**cells[facets])
        if len(group.assign(further=cells[name]).drop_duplicates()) > len(group.drop_duplicates()):
            facets.append(name)
    return facets


def facet_labels(table: pd.DataFrame, facets: list[str]) -> pd.Series:
    """The values of the facets in words, e.g. "norm=batch, lr=0.1"; empty text without facets. Shape (rows,)."""
    return pd.Series(
        [_cell_name(dict(zip(facets, row, strict=True)), facets) for row in table[facets].itertuples(index=False)]
        if facets
        else [""] * len(table),
        index=table.index,
        dtype="str",
    )


def contrast_pair(series: list[str]) -> tuple[str, str] | None:
    """The two series to subtract: relu and sigmoid, else the first and sigmoid; None without a sigmoid."""
    if all(name in series for name in PAIR):
        return PAIR
    if PAIR[1] in series and series[0] != PAIR[1]:
        return series[0], PAIR[1]
    return None


def value_text(value: Hashable) -> str:
    """A factor's value as a person types it."""
    if pd.isna(value):  # type: ignore[call-overload]
        return "null"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _cell_name(factors: Mapping[str, Any], names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"{name}={value_text(factors[name])}" for name in names if name in factors)
