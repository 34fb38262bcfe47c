import numpy as np
import pandas as pd
import pytest

from benchmarks.precision import compare, measure, sentence
from benchmarks.tables import precision


def runs(shift, spread, activation="relu", n=10):
    rng = np.random.default_rng(0)
    base, change = 0.9 + 0.05 * rng.standard_normal(n), shift + spread * rng.standard_normal(n)
    shared = {"activation": activation, "depth": 2, "seed": np.arange(n), "at_chance": False}
    return pd.concat(
        [
            pd.DataFrame({**shared, "precision": "32-true", "test_accuracy": base}),
            pd.DataFrame({**shared, "precision": "bf16-mixed", "test_accuracy": base + change}),
        ]
    )


@pytest.mark.parametrize(
    ("shift", "spread", "outcome"), [(0.0, 0.001, "equal"), (-0.05, 0.01, "different"), (0.0, 0.05, "open")]
)
def test_the_outcome_follows_differences_within_seeds_and_not_the_spread_between_them(shift, spread, outcome):
    (row,) = compare(runs(shift, spread))
    assert row["outcome"] == outcome
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["difference"] == pytest.approx(row["bf16"] - row["fp32"])
    assert row["pairs"] == 10


def test_cells_are_told_apart_and_counted():
    rows = compare(pd.concat([runs(0.0, 0.001), runs(-0.05, 0.01, "sigmoid")]))
    assert "the same within 0.5 points in 1 of 2 cells; different in 1 (sigmoid at depth 2)" in sentence(rows)
    assert "| relu, depth 2 | 10 |" in precision(rows)


def test_runs_at_chance_are_shown_beside_the_mean():
    table = runs(0.0, 0.001)
    table.loc[(table["precision"] == "bf16-mixed") & (table["seed"] < 3), "at_chance"] = True
    (row,) = compare(table)
    assert row["at_chance"] == [0, 3]
    assert "(3 at chance)" in precision([row])


def test_without_the_study_there_is_nothing_to_compare(tmp_path):
    assert measure(tmp_path / "runs.parquet") == []
