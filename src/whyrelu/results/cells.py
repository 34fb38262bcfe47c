"""Cells of a study: all runs that differ in the seed only, summarised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.results.labels import cell_name
from whyrelu.results.tables import CELL_STATISTICS, CURVE_COLUMNS, FACTORS, factor_columns
from whyrelu.statistics.summaries import seed_of, summarise, t_half_width


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
    groups = list(runs.groupby(columns, sort=False, dropna=False))
    names = [cell_name(dict(zip(columns, key, strict=True)), FACTORS) for key, _ in groups]
    samples = [group["test_accuracy"].to_numpy() for _, group in groups]
    # threads, because resampling is NumPy's work, which does not hold the interpreter
    with ThreadPoolExecutor() as pool:
        summaries = list(pool.map(summarise, samples, map(seed_of, names)))
    rows = []
    for (key, group), summary in zip(groups, summaries, strict=True):
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
    names, firsts, epochs, counts = [], [], [], []
    means: list[np.ndarray] = []
    deviations: list[np.ndarray] = []
    for key, group in runs.groupby(columns, sort=False, dropna=False):
        factors: dict[str, Any] = dict(zip(columns, key, strict=True))
        values = accuracy[np.asarray(group.index)][:, : factors["epochs"]]
        names.append(cell_name(factors, varying))
        firsts.append(group.index[0])
        epochs.append(values.shape[1])
        counts.append(len(values))
        means.append(values.mean(axis=0))
        deviations.append(values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan))
    mean, n = np.concatenate(means), np.repeat(counts, epochs)
    half = t_half_width(np.concatenate(deviations), n)
    epoch = np.concatenate([np.arange(1, count + 1) for count in epochs])
    statistics = (epoch, n, mean, np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1))
    table = runs.loc[firsts, columns].iloc[np.repeat(np.arange(len(firsts)), epochs)].reset_index(drop=True)
    table.insert(0, "cell", np.repeat(np.array(names, dtype=object), epochs))
    return table.assign(**dict(zip(CURVE_COLUMNS, statistics, strict=True))).astype({"cell": "str"})


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
