"""Cells, learning curves and profiles, from records whose numbers are known."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synthetic import make_layers, make_record, make_records, make_theory
from whyrelu.errors import UserError
from whyrelu.results.cells import cells_table, curves_table, profiles_table
from whyrelu.results.columns import CELL_COLUMNS
from whyrelu.results.tables import history_table, layers_table, runs_table
from whyrelu.statistics.intervals import mean_interval, median_interval, share_interval


def test_a_cell_is_all_runs_that_differ_in_the_seed_only():
    runs = runs_table(make_records(["relu", "tanh"], seeds=3, axes={"norm": ["none", "batch"], "clip": [None, 1.0]}))
    cells = cells_table(runs)
    assert (len(cells), set(cells["n"])) == (2 * 2 * 2 * 2, {3})
    assert list(cells.columns[-len(CELL_COLUMNS) :]) == list(CELL_COLUMNS)
    assert cells["name"].tolist()[:4] == [
        "relu, depth 2",
        "relu, depth 2, clip 1",
        "relu, depth 2, batch",
        "relu, depth 2, batch, clip 1",
    ]


def test_all_runs_of_a_cell_count():
    outcomes = ["diverged", "chance", "chance", "slow", "learned", "learned"]
    records = [make_record(seed=seed, outcome=outcome) for seed, outcome in enumerate(outcomes)]
    accuracy = [record["metrics"]["test_accuracy"] for record in records]
    cell = cells_table(runs_table(records), make_theory(records)).iloc[0]
    assert cell[["n", "learned", "slow", "chance", "diverged"]].tolist() == [6, 2, 1, 2, 1]
    assert tuple(cell[["share", "share_low", "share_high"]]) == share_interval(2, 6)
    assert tuple(cell[["mean", "low", "high"]]) == mean_interval(accuracy, bounds=(0, 1))
    assert tuple(cell[["median", "median_low", "median_high"]]) == median_interval(accuracy)
    assert cell["sd"] == pytest.approx(np.std(accuracy, ddof=1))
    assert cell["learners_median"] == pytest.approx(np.median(accuracy[4:]))
    assert cell["saturated_init"] == pytest.approx(np.mean([r["metrics"]["saturated_init"] for r in records]))
    assert cell["decades"] == 0


def test_what_a_cell_cannot_say_is_missing():
    cell = cells_table(runs_table([make_record(outcome="chance")])).iloc[0]
    assert cell[["sd", "low", "high", "learners_median", "decades"]].isna().all()
    assert cell["name"] == "relu, depth 2"


def curves_of(*records):
    runs = runs_table(records)
    return curves_table(runs, history_table(records, runs))


def test_curves_are_means_over_all_runs_at_every_epoch():
    records = make_records(["relu", "tanh"], depths=[2], seeds=3, epochs=4)
    curves = curves_of(*records)
    assert curves["epoch"].tolist() == [1, 2, 3, 4] * 2
    assert curves["cell"].unique().tolist() == ["relu", "tanh"]
    second = [record["history"]["val_accuracy"][1] for record in records[:3]]
    low, high = stats.ttest_1samp(second, 0).confidence_interval(0.95)
    expected = (3, np.mean(second), max(low, 0), min(high, 1))
    assert tuple(curves.loc[1, ["n", "val_accuracy", "low", "high"]]) == pytest.approx(expected)


def test_a_run_that_ended_early_carries_its_last_value_on():
    diverged, learned = make_record(outcome="diverged", epochs=6), make_record(seed=1, epochs=6)
    expected = (diverged["history"]["val_accuracy"][-1] + np.array(learned["history"]["val_accuracy"])) / 2
    assert curves_of(diverged, learned)["val_accuracy"].to_numpy()[2:] == pytest.approx(expected[2:])
    nothing = {**make_record(epochs=3), "history": {}}
    assert curves_of(nothing)["val_accuracy"].tolist() == [nothing["metrics"]["val_accuracy"]] * 3
    # cells that train for longer or shorter have curves of their own length
    assert curves_of(make_record(epochs=3), make_record(epochs=5))["epoch"].tolist() == [1, 2, 3, 1, 2, 3, 4, 5]


def profiles_of(records, load=make_layers, theory=None):
    runs = runs_table(records)
    return profiles_table(runs, layers_table(records, runs, load), make_theory(records) if theory is None else theory)


def setting(name, values):
    """Diagnostics in which one column of all layers has the value that belongs to the seed of the record."""

    def load(record):
        layers = make_layers(record)
        layers[:, :, record["diagnostics"]["columns"].index(name)] = values[record["factors"]["seed"]]
        return layers

    return load


@pytest.mark.parametrize(
    ("name", "values", "mean", "n"),
    [
        # the geometric mean of magnitudes, and the mean of fractions
        ("q", [1e-6, 1e-2], 1e-4, 2),
        ("q", [1e-60, 1e60], 1, 2),
        ("dead", [0.1, 0.4], 0.25, 2),
        # one that underflowed, and one that is none
        ("gradient", [0.0, 1.0], 0, 2),
        ("gradient", [np.nan, 0.5], 0.5, 1),
    ],
)
def test_means_of_a_profile(name, values, mean, n):
    profiles = profiles_of(make_records(["relu"], depths=[2], seeds=2), setting(name, values))
    assert np.allclose(profiles[name], mean)
    assert (profiles["n"] == n).all()


def test_gradients_are_relative_to_the_last_layer_of_the_same_run():
    # the runs differ in their loss, not in how the gradient changes from layer to layer, but for a factor of 4
    values = [np.array([0.01, 0.1, 1]), 10 * np.array([0.04, 0.1, 1])]
    profiles = profiles_of(make_records(["relu"], depths=[3], seeds=2), setting("gradient", values))
    columns = ["gradient_relative", "gradient_relative_low", "gradient_relative_high"]
    assert np.allclose(profiles.loc[profiles["layer"] == 1, columns], [0.02, 0.01, 0.04])
    assert np.allclose(profiles.loc[profiles["layer"] == 3, columns], 1)


def test_predictions_stand_beside_what_was_measured_at_init():
    profiles = profiles_of(make_records(["relu", "tanh"], depths=[4], seeds=2, axes={"init": ["xavier", "edge"]}))
    at_init = profiles["epoch"] == 0
    assert profiles.loc[at_init, "predicted_q"].notna().all()
    assert profiles.loc[~at_init, "predicted_q"].isna().all()
    tanh = profiles[at_init & (profiles["activation"] == "tanh") & (profiles["init"] == "xavier")]
    assert np.allclose(tanh["predicted_gradient_relative"], 0.9 ** (4 - tanh["layer"]))


def test_runs_without_diagnostics_have_no_profile_and_those_without_a_prediction_are_refused():
    records = make_records(["relu", "tanh"], depths=[2])
    assert len(profiles_of(records, lambda record: None)) == 0
    for theory in (make_theory(records[:1]), pd.DataFrame({"layer": [1], "q": [math.nan]})):
        with pytest.raises(UserError, match=r"other cells than the runs: python src/theory\.py"):
            profiles_of(records, theory=theory)
