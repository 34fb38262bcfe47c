"""From tuning runs to chosen rates: pure functions over tuning.parquet.

Equal scores always go to the smaller rate. All runs count, those that diverged or did not learn included.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.results.columns import LR_COLUMNS
from whyrelu.results.labels import cell_factors

GRID, CONFIRM = "grid", "confirm"
EDGE, NONE_LEARNED = "edge", "none learned"
# Scores that differ after so many decimals differ in the order of their sums only.
_DECIMALS = 9


def score(record: Mapping[str, Any]) -> float:
    """Final validation accuracy, 0 without one; with `trainer.stop_at` minus the training steps to arrive there.

    A run that never arrives takes all steps, and so does one that diverges.
    """
    config, metrics = record["config"], record["metrics"]
    if config["trainer"]["stop_at"] is None:
        return float(metrics["val_accuracy"] or 0.0)
    epochs = config["trainer"]["max_epochs"] if record["outcome"] == "diverged" else metrics["epochs_run"]
    return -float(metrics["steps"] / metrics["epochs_run"] * epochs)


def best_of_grid(tuning: pd.DataFrame) -> pd.DataFrame:
    """The rate of the highest mean score in every cell's grid: `lr` and `learned` (any run at any rate) by cell.

    Where none learned, scores count guesses, and the lowest mean validation loss decides; a rate at which a run
    diverged comes last.
    """
    grid = tuning[tuning["stage"] == GRID]
    learned = grid["outcome"].eq("learned").groupby(grid["cell"]).any()
    loss = grid["val_loss"].mask(grid["outcome"].eq("diverged")).fillna(np.inf)
    deciding = grid["score"].where(grid["cell"].map(learned).astype(bool), -loss)
    return _highest(deciding.groupby([grid["cell"], grid["lr"]]).mean()).to_frame("lr").assign(learned=learned)


def choose(tuning: pd.DataFrame) -> pd.DataFrame:
    """The rows of lr.csv, in the order of the cells: `cell`, its factors but lr and seed, and `LR_COLUMNS`.

    The rate of the highest lower quartile (linear) of the fresh seeds' scores; without these the best of the grid.
    """
    names = [name for name in cell_factors(tuning) if name != "lr"]
    fresh = tuning[tuning["stage"] == CONFIRM]
    best = best_of_grid(tuning)["lr"]
    if not fresh.empty:
        best = _highest(fresh.groupby(["cell", "lr"])["score"].quantile(0.25))
    rows = []
    for cell, runs in tuning.groupby("cell", sort=False):
        rate, lowest, highest = best[cell], runs["lr"].min(), runs["lr"].max()
        at_rate = runs[runs["lr"] == rate]
        accuracy = at_rate.loc[at_rate["stage"] == (GRID if fresh.empty else CONFIRM), "val_accuracy"].fillna(0.0)
        counts = accuracy.mean(), accuracy.quantile(0.25), len(accuracy), runs["lr"].nunique()
        flag = EDGE if rate in (lowest, highest) else ""
        if not at_rate["outcome"].eq("learned").any():
            flag = NONE_LEARNED
        rows.append((cell, *runs[names].iloc[0], rate, *counts, lowest, highest, flag))
    chosen = pd.DataFrame(rows, columns=["cell", *names, *LR_COLUMNS])
    return chosen.astype({name: tuning[name].dtype for name in names} | LR_COLUMNS | {"cell": "str"})


def _highest(scores: pd.Series) -> pd.Series:
    """The rate of the highest score by cell, from scores by cell and rate, ascending."""
    ranked = scores.round(_DECIMALS).reset_index(name="score").sort_values("score", ascending=False, kind="stable")
    return ranked.drop_duplicates("cell").set_index("cell")["lr"]
