import numpy as np
import pandas as pd
import pytest

from synthetic import make_record
from whyrelu.results.columns import CONVERGENCE_COLUMNS, RUN_CONVERGENCE_COLUMNS
from whyrelu.results.convergence import (
    area_under_curve,
    censored,
    convergence_table,
    first_reached,
    plateau_length,
    run_convergence_table,
)
from whyrelu.results.tables import build_tables
from whyrelu.statistics.survival import kaplan_meier

STEPS = [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        ([0.1, 0.5, 0.6, 0.4], (20, True)),
        # once is luck
        ([0.5, 0.1, 0.5, 0.5], (30, True)),
        ([0.5, 0.1, 0.5, 0.1], (40, False)),
        # nobody knows whether it would have stayed
        ([0.1, 0.1, 0.1, 0.9], (40, False)),
        ([0.5, 0.5, 0.5, 0.5], (10, True)),
        ([0.5, np.nan, 0.5, np.nan], (40, False)),
    ],
)
def test_threshold_has_to_be_reached_twice_in_a_row(accuracy, expected):
    assert first_reached(accuracy, STEPS, 0.5) == expected


def test_a_run_that_diverged_is_followed_to_the_end():
    # half stop at step 10, and half reach it later: half never do
    rows = pd.DataFrame({"step": [10, 10, 30, 40], "reached": [False, False, True, True]})
    curve = kaplan_meier(censored(rows, 100))
    assert curve.survival[-1] == 0.5
    assert curve.times[-1] == 100


def test_many_runs_at_once_are_as_each_alone():
    rng = np.random.default_rng(0)
    accuracy = np.where(rng.uniform(size=(200, 15)) < 0.1, np.nan, rng.uniform(size=(200, 15)))
    loss = rng.uniform(2.2, 2.4, accuracy.shape)
    steps = np.cumsum(rng.integers(1, 9, accuracy.shape), axis=1)
    found = first_reached(accuracy, steps, 0.6)
    assert 0 < found.reached.sum() < 200
    for i in range(200):
        assert first_reached(accuracy[i], steps[i], 0.6) == (found.step[i], found.reached[i])
    # to the last bit, though many are added up at once
    assert area_under_curve(loss.T.copy().T).tolist() == [float(area_under_curve(row)) for row in loss]
    assert plateau_length(loss, steps, 10).tolist() == [
        int(plateau_length(a, b, 10)) for a, b in zip(loss, steps, strict=True)
    ]


def test_plateau_counts_steps_at_chance():
    chance = np.log(10)
    assert plateau_length([chance, chance - 0.01, chance - 0.03, chance], STEPS, 10) == 30
    assert plateau_length([np.nan, 0.1, 0.1, 0.1], STEPS, 10) == 0
    # an uneven first epoch has its own length
    assert plateau_length([chance, 0.1], [7, 20], 10) == 7


def test_tables():
    learned = make_record(seed=0, epochs=3)
    learned["history"]["val_accuracy"] = [0.1, 0.85, 0.9]
    stopped = make_record(seed=1, epochs=3, outcome="diverged")
    stopped["history"]["val_accuracy"] = [0.4]
    tables = build_tables([learned, stopped])
    found = convergence_table(tables.runs, tables.history, {"digits": [0.8, 0.5]})
    assert {name: str(kind) for name, kind in found.dtypes.items()} == CONVERGENCE_COLUMNS
    assert found["threshold"].tolist() == [0.5, 0.8, 0.5, 0.8]
    assert found["step"].tolist() == [38, 38, 19, 19]
    assert found["reached"].tolist() == [True, True, False, False]
    runs = run_convergence_table(tables.runs, tables.history, {"digits": 10})
    assert {name: str(kind) for name, kind in runs.dtypes.items()} == RUN_CONVERGENCE_COLUMNS
    # what stopped keeps its last accuracy
    assert runs["area"].tolist() == pytest.approx([(0.1 + 0.85 + 0.9) / 3, 0.4])
    assert runs["run_id"].tolist() == tables.runs["run_id"].tolist()


def test_run_without_history():
    record = make_record(epochs=3, outcome="diverged")
    record["history"] = {}
    record["metrics"] |= {"steps": 0, "val_accuracy": 0.1}
    tables = build_tables([record, make_record(seed=1, epochs=3)])
    found = convergence_table(tables.runs, tables.history, {"digits": [0.5]})
    assert not found["reached"].iloc[0]
    runs = run_convergence_table(tables.runs, tables.history, {"digits": 10})
    assert runs["area"].iloc[0] == pytest.approx(0.1)
    assert runs["plateau_steps"].iloc[0] == 0
    assert not pd.isna(runs["plateau_steps"]).any()
