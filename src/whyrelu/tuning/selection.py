"""From tuning runs to chosen rates: pure functions over their table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from whyrelu.results.cells import is_failure
from whyrelu.results.columns import LR_COLUMNS
from whyrelu.results.tables import factor_columns

# Rates are as good as the best if their accuracy is this near to it: one point.
_NEAR = 0.01
# Steps of the grid are half a decade.
_DECADES_PER_RATE = 0.5

EDGE, NONE_LEARNED = "edge", "none learned"


def choose(tuning: pd.DataFrame) -> pd.DataFrame:
    """Choose the rate of highest mean validation accuracy for every cell; of equal ones the smallest.

    Failed runs count with the accuracy they reached, those without one with 0.

    Args:
        tuning: rows as in runs.parquet, and the column `cell`, the id of `whyrelu.runs.identity.tuning_cell`.

    Returns:
        one row per cell in their order: `cell`, the factors but lr and seed, and `LR_COLUMNS`.
    """
    names = [name for name in factor_columns(tuning) if name not in ("lr", "cell")]
    table = tuning.assign(failed=is_failure(tuning), val_accuracy=tuning["val_accuracy"].fillna(0.0))
    rows = []
    for cell, group in table.groupby("cell", sort=False):
        by_rate = group.groupby("lr").agg(
            val_accuracy=("val_accuracy", "mean"), n=("run_id", "size"), failed=("failed", "all")
        )
        rates, accuracy = by_rate.index.to_numpy(), by_rate["val_accuracy"].to_numpy()
        best = int(np.argmax(accuracy))
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
                "flag": _flag(best, len(rates), bool(by_rate["failed"].all())),
            }
        )
    table = pd.DataFrame(rows, columns=["cell", *names, *LR_COLUMNS])
    return table.astype({name: tuning[name].dtype for name in names} | LR_COLUMNS | {"cell": "str"})


def edges(chosen: pd.DataFrame, groups: Mapping[str, Hashable]) -> dict[tuple[Hashable, bool], float]:
    """Where grids have to be extended: some cell of a group has its best rate at an end.

    Args:
        chosen: as `choose` gives it.
        groups: of every cell: cells of one group are compared with each other and try the same rates.

    Returns:
        the last rate tried, by group and whether it is the upper end.
    """
    found: dict[tuple[Hashable, bool], float] = {}
    for _, row in chosen[chosen["flag"] == EDGE].iterrows():
        rate = float(row["lr"])
        found[groups[str(row["cell"])], rate == float(row["highest"])] = rate
    return found


def _flag(best: int, count: int, all_failed: bool) -> str:
    if all_failed:
        return NONE_LEARNED
    return EDGE if best in (0, count - 1) else ""
