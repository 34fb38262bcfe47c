"""Made-up studies for tests of claims: tables with what a test says, and what goes without saying."""

import itertools
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from whyrelu.results.columns import RUN_COLUMNS

USUAL = {
    "data": "digits",
    "activation": "relu",
    "depth": 8,
    "width": 16,
    "model": "cnn",
    "init": "xavier",
    "norm": "none",
    "optimizer": "sgd",
    "lr": 0.1,
    "epochs": 15,
    "precision": "32-true",
    "status": "completed",
    "outcome": "learned",
    "steps": 300,
    "val_accuracy": 0.95,
    "test_accuracy": 0.95,
}
# What a function is given for a study: duck-typed, for the tables need not be files.
Study = Any


def cell(seeds: int = 5, learned: int | None = None, **changed: Any) -> list[dict[str, Any]]:
    """The runs of a cell; a list gives each run its own value, and `learned` is how many of them learn."""
    rows = []
    for seed in range(seeds):
        own = {key: value[seed] if isinstance(value, list) else value for key, value in changed.items()}
        if learned is not None:
            own["outcome"] = "learned" if seed < learned else "chance"
        rows.append(USUAL | {"seed": seed} | own)
    return rows


def study(*cells: Sequence[Mapping[str, Any]], name: str = "made", **tables: Any) -> Study:
    """A study of some cells; its other tables are empty unless given."""
    rows = list(itertools.chain(*cells))
    runs = pd.DataFrame([{"run_id": f"{i:04}", **row} for i, row in enumerate(rows)])
    columns = [*RUN_COLUMNS, *(name for name in runs if name not in RUN_COLUMNS)]
    runs = runs.reindex(columns=columns).astype({key: kind for key, kind in RUN_COLUMNS.items() if key in runs})
    runs = runs.astype({key: "float64" for key in RUN_COLUMNS if RUN_COLUMNS[key] == "float64"})
    given = {"runs": runs, "tuning": runs.iloc[:0], "layers": pd.DataFrame(), "history": pd.DataFrame(), "timing": {}}
    given |= {"theory": pd.DataFrame(), "sibling": lambda _: None, "provenance": {"common": {}}}
    return SimpleNamespace(name=name, **(given | tables))


def history(runs: pd.DataFrame, accuracy: Mapping[str, Sequence[float]] | Sequence[float]) -> pd.DataFrame:
    """history.parquet of runs with the same validation accuracy by epoch, or that of their activation."""
    rows = []
    for run in runs.to_dict("records"):
        curve = accuracy[run["activation"]] if isinstance(accuracy, Mapping) else accuracy
        rows += [{"run_id": run["run_id"], "epoch": i + 1, "val_accuracy": value} for i, value in enumerate(curve)]
    return pd.DataFrame(rows)


def cells_with(runs: pd.DataFrame, decades: Mapping[Any, float], by: str = "init") -> pd.DataFrame:
    """cells.parquet of runs with the decades that go with one of their factors."""
    factors = [name for name in runs if name in {*USUAL, "clip"} or "." in name]
    measured = {"status", "outcome", "steps", "val_accuracy", "test_accuracy"}
    cells = runs[[name for name in factors if name not in measured]].drop_duplicates()
    return cells.assign(decades=cells[by].map(decades))
