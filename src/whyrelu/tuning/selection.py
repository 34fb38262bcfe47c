"""From tuning runs to chosen rates: pure functions over their table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from whyrelu.results.cells import is_failure
from whyrelu.results.columns import LR_COLUMNS
from whyrelu.results.tables import factor_columns

# Rates are as good as the best if their accuracy is this near to it: one point.
_NEAR = 0.01
# Means over seeds that differ by less differ in the order of their sums only; one image of a million makes more.
_ROUND_OFF = 1e-9
# Steps of the grid are half a decade.
_DECADES_PER_RATE = 0.5

EDGE, NONE_LEARNED = "edge", "none learned"


def choose(tuning: pd.DataFrame, middles: Mapping[str, float]) -> pd.DataFrame:
    """Choose the rate of highest mean validation accuracy for every cell.

    Failed runs count with the accuracy they reached, those without one with 0. Accuracy does not decide between rates
    that have the same, nor between any where all runs failed: there it counts images that were guessed. Then the
    lowest mean validation loss decides, which tells a network that begins to learn from one that does not; a rate at
    which a run diverged comes after all others. If that is the same too, it is the rate nearest to the middle of the
    grid that the cell began with, because the ends are the least likely; of two equally near the smaller.

    `tuning` has the rows of tuning.parquet, `middles` the geometric mean of the ends of the grid of every cell. Gives
    one row per cell in their order: `cell`, the factors but lr and seed, and `LR_COLUMNS`.
    """
    names = [name for name in factor_columns(tuning) if name != "lr"]
    is_diverged = tuning["status"] == "diverged"
    table = tuning.assign(
        failed=is_failure(tuning),
        val_accuracy=tuning["val_accuracy"].fillna(0.0),
        val_loss=tuning["val_loss"].mask(is_diverged).fillna(np.inf),
    )
    rows = []
    for cell, group in table.groupby("cell", sort=False):
        by_rate = group.groupby("lr").agg(
            val_accuracy=("val_accuracy", "mean"),
            val_loss=("val_loss", "mean"),
            n=("run_id", "size"),
            failed=("failed", "all"),
        )
        rates, accuracy = by_rate.index.to_numpy("float64"), by_rate["val_accuracy"].to_numpy()
        none_learned = bool(by_rate["failed"].all())
        tied = np.ones(len(rates), dtype=bool) if none_learned else accuracy >= accuracy.max() - _ROUND_OFF
        # in steps of the grid; rates are rounded to three digits, which is to decide nothing
        distance = np.round(np.abs(np.log10(rates / middles[str(cell)])) / _DECADES_PER_RATE, 1)
        best = int(np.lexsort((rates, distance, by_rate["val_loss"].to_numpy(), ~tied))[0])
        rows.append(
            {"cell": cell}
            | {name: group[name].iloc[0] for name in names}
            | {
                "lr": rates[best],
                "val_accuracy": accuracy[best],
                "n": by_rate["n"].iloc[best],
                "rates": len(rates),
                "lowest": rates[0],
                "highest": rates[-1],
                "decades": _DECADES_PER_RATE * int(np.sum(accuracy >= accuracy[best] - _NEAR)),
                "flag": NONE_LEARNED if none_learned else EDGE if best in (0, len(rates) - 1) else "",
            }
        )
    chosen = pd.DataFrame(rows, columns=["cell", *names, *LR_COLUMNS])
    return chosen.astype({name: tuning[name].dtype for name in names} | LR_COLUMNS | {"cell": "str"})
