import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from whyrelu.results.cells import cells_table, curves_table
from whyrelu.results.tables import CELL_STATISTICS, build_tables
from whyrelu.statistics.summaries import t_interval


def cells_of(records):
    return cells_table(build_tables(records).runs)


def test_a_cell_is_all_runs_that_differ_in_the_seed_only():
    cells = cells_of(make_records(["relu", "tanh"], depths=[2, 4], seeds=3, axes={"norm": ["none", "batch"]}))
    assert len(cells) == 2 * 2 * 2
    assert (cells["n"] == 3).all()
    assert "seed" not in cells.columns
    assert list(cells.columns[-len(CELL_STATISTICS) :]) == list(CELL_STATISTICS)


def test_failures_are_counted_once_and_stay_in_the_mean():
    outcomes = ["diverged", "at_chance", "at_chance", "learned"]
    records = [make_record(seed=seed, outcome=outcome) for seed, outcome in enumerate(outcomes)]
    # a diverged run may have been marked as at chance too
    records[0]["at_chance"] = True
    cell = cells_of(records).iloc[0]
    assert (cell["n"], cell["failures"], cell["diverged"], cell["at_chance"]) == (4, 3, 1, 2)
    assert cell["mean"] == pytest.approx(np.mean([r["metrics"]["test_accuracy"] for r in records]))


def test_statistics_of_a_cell():
    records = make_records(["relu"], depths=[2], seeds=5)
    accuracies = [record["metrics"]["test_accuracy"] for record in records]
    cell = cells_of(records).iloc[0]
    assert cell["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    low, high = t_interval(accuracies)
    assert (cell["low"], cell["high"]) == pytest.approx((low, min(high, 1.0)))


def test_intervals_stay_where_an_accuracy_can_be():
    records = [make_record(seed=0), make_record(seed=1, outcome="at_chance")]
    cell = cells_of(records).iloc[0]
    assert (cell["low"], cell["high"]) == (0, 1)


def test_a_single_run_has_neither_sd_nor_interval():
    cell = cells_of([make_record()]).iloc[0]
    assert cell["n"] == 1
    assert cell[["sd", "low", "high"]].isna().all()


def test_adding_cells_or_an_axis_changes_no_other_cell():
    alone = cells_of(make_records(["relu"], depths=[4], seeds=10))
    wider = cells_of(make_records(["tanh", "relu"], depths=[2, 4], seeds=10))
    same = wider[(wider["activation"] == "relu") & (wider["depth"] == 4)].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone)
    further = cells_of(make_records(["relu"], depths=[4], seeds=10, axes={"batch_size": [64, 128]}))
    same = further[further["batch_size"] == 64].drop(columns="batch_size").reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone)


def test_curves_are_means_per_epoch_over_all_runs():
    records = make_records(["relu"], depths=[2], seeds=3, epochs=4)
    tables = build_tables(records)
    curves = curves_table(tables.runs, tables.history)
    assert curves["epoch"].tolist() == [1, 2, 3, 4]
    accuracies = np.array([record["history"]["val_accuracy"] for record in records])
    assert curves["val_accuracy"].to_numpy() == pytest.approx(accuracies.mean(axis=0))
    low, high = t_interval(accuracies[:, 1])
    assert (curves["low"][1], curves["high"][1]) == pytest.approx((max(low, 0), min(high, 1)))


def test_a_diverged_run_carries_its_last_value_on():
    diverged, learned = make_record(outcome="diverged", epochs=6), make_record(seed=1, epochs=6)
    tables = build_tables([diverged, learned])
    last = diverged["history"]["val_accuracy"][-1]
    expected = (last + np.array(learned["history"]["val_accuracy"][2:])) / 2
    curves = curves_table(tables.runs, tables.history)
    assert curves["val_accuracy"].to_numpy()[2:] == pytest.approx(expected)


def test_a_run_without_history_counts_with_its_final_value():
    record = {**make_record(outcome="diverged", epochs=3), "history": {}}
    tables = build_tables([record])
    curves = curves_table(tables.runs, tables.history)
    assert curves["val_accuracy"].tolist() == [record["metrics"]["val_accuracy"]] * 3
