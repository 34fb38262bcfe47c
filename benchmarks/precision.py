"""Whether training in bf16 changes what comes out: pairs of runs that differ in nothing else.

The runs are those of `make study STUDY=precision`. Runs of one seed start from the same draws and see the same batches
in both precisions, so differences are taken within seeds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.statistics.equivalence import MARGIN, paired_difference

RUNS = Path("results/precision/runs.parquet")
KEYS = ["activation", "depth"]


def measure(path: Path = RUNS) -> list[dict[str, Any]]:
    """Return one row per activation and depth, accuracies as fractions of 1; none if the study was not made.

    Args:
        path: runs.parquet of a study with the precisions 32-true and bf16-mixed, at one learning rate.
    """
    return compare(pd.read_parquet(path)) if path.is_file() else []


def compare(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return test accuracy in both precisions, and the difference (bf16 minus fp32) with its intervals.

    Args:
        runs: runs.parquet.
    """
    columns = runs.pivot(index=[*KEYS, "seed"], columns="precision", values=["test_accuracy", "at_chance"])
    rows = []
    for (activation, depth), cell in columns.groupby(level=KEYS, sort=False):
        accuracy = {name: cell["test_accuracy", name].to_numpy("float64") for name in ("32-true", "bf16-mixed")}
        difference = paired_difference(accuracy["bf16-mixed"], accuracy["32-true"])
        rows.append(
            {
                "activation": activation,
                "depth": int(str(depth)),
                "pairs": len(cell),
                "fp32": float(np.mean(accuracy["32-true"])),
                "bf16": float(np.mean(accuracy["bf16-mixed"])),
                "at_chance": [int(cell["at_chance", name].sum()) for name in ("32-true", "bf16-mixed")],
                "difference": difference.value,
                "low": difference.low,
                "high": difference.high,
                "outcome": difference.outcome,
            }
        )
    return rows


def sentence(rows: list[dict[str, Any]]) -> str:
    """Return what the differences say."""
    named = {
        outcome: [f"{row['activation']} at depth {row['depth']}" for row in rows if row["outcome"] == outcome]
        for outcome in ("equal", "different", "open")
    }
    parts = [
        f"the same within {100 * MARGIN:g} points in {len(named['equal'])} of {len(rows)} cells",
        f"different in {_counted(named['different'])}",
        f"not settled in {_counted(named['open'])}",
    ]
    return f"Test accuracy in bf16 against fp32, on the digits: {'; '.join(parts)}."


def _counted(cells: list[str]) -> str:
    return f"{len(cells)} ({', '.join(cells)})" if cells else "none"
