import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from whyrelu.errors import UserError
from whyrelu.results.tables import HISTORY_COLUMNS, RUN_COLUMNS, build_tables, factor_columns


def test_runs_have_the_declared_columns_and_types():
    runs = build_tables(make_records()).runs
    assert {name: str(kind) for name, kind in runs.dtypes.items()} == RUN_COLUMNS
    assert list(runs.columns) == list(RUN_COLUMNS)
    assert len(runs) == 3 * 2 * 3


def test_a_row_says_what_the_record_says():
    record = make_record("tanh", depth=4, seed=2)
    row = build_tables([record]).runs.iloc[0]
    assert (row["run_id"], row["activation"], row["depth"], row["seed"]) == (record["run_id"], "tanh", 4, 2)
    for name in ("steps", "parameters", "train_loss", "val_accuracy", "test_accuracy"):
        assert row[name] == record["metrics"][name]


def test_rows_keep_the_order_of_activations_and_ascend_in_numbers():
    records = make_records(["tanh", "relu"], depths=[16, 2, 4], seeds=12)
    runs = build_tables(records).runs
    assert list(dict.fromkeys(runs["activation"])) == ["tanh", "relu"]
    expected = [(depth, seed) for depth in (2, 4, 16) for seed in range(12)]
    assert (
        list(runs.loc[runs["activation"] == "relu", ["depth", "seed"]].itertuples(index=False, name=None)) == expected
    )


def test_the_order_of_seeds_among_the_records_does_not_matter():
    records = make_records(["relu"], seeds=6)
    expected = build_tables(records)
    reversed_depths_and_seeds = build_tables(records[::-1])
    pd.testing.assert_frame_equal(reversed_depths_and_seeds.runs, expected.runs)
    pd.testing.assert_frame_equal(reversed_depths_and_seeds.history, expected.history)


def test_no_column_is_a_time_or_about_git():
    tables = build_tables(make_records())
    columns = {*tables.runs.columns, *tables.history.columns}
    assert not columns & {"train_seconds", "samples_per_second", "started", "seconds", "git_commit", "attempts"}


def test_a_factor_that_varies_becomes_a_column_behind_the_others():
    runs = build_tables(make_records(axes={"batch_size": [128, 64], "data.train_size": [None, 100]})).runs
    assert list(runs.columns) == [*RUN_COLUMNS, "batch_size", "data.train_size"]
    first_cell = runs[(runs["activation"] == "relu") & (runs["depth"] == 2) & (runs["seed"] == 0)]
    assert list(first_cell["batch_size"]) == [64, 64, 128, 128]
    assert str(runs["data.train_size"].dtype) == "Int64"
    assert first_cell["data.train_size"].isna().tolist() == [True, False, True, False]


def test_a_setting_that_only_some_activations_have_is_no_axis():
    tables = build_tables(make_records(["relu", "leaky_relu"]))
    assert list(tables.runs.columns) == list(RUN_COLUMNS)
    assert tables.implied == {"activation.negative_slope": {"leaky_relu": 0.01}}


def test_a_setting_of_an_activation_that_is_swept_is_an_axis():
    records = make_records(["leaky_relu"], axes={"activation.negative_slope": [0.01, 0.2]})
    assert build_tables(records).runs["activation.negative_slope"].nunique() == 2


def test_axes_of_lists_and_flags():
    records = make_records(["relu"], axes={"optimizer.betas": [[0.9, 0.99], [0.8, 0.9]], "flip": [False, True]})
    runs = build_tables(records).runs
    assert set(runs["optimizer.betas"]) == {"[0.9, 0.99]", "[0.8, 0.9]"}
    assert str(runs["flip"].dtype) == "boolean"


def test_common_factors_are_those_with_one_value():
    common = build_tables(make_records(axes={"norm": ["none", "batch"]})).common
    assert common["lr"] == 0.05
    assert common["study"] == "synthetic"
    assert not {"norm", "depth", "activation", "seed"} & set(common)


def test_history_has_a_row_per_run_and_epoch():
    records = make_records(["relu"], depths=[2], seeds=2, epochs=3)
    history = build_tables(records).history
    assert {name: str(kind) for name, kind in history.dtypes.items()} == HISTORY_COLUMNS
    assert history["epoch"].tolist() == [1, 2, 3] * 2
    second = history[history["run_id"] == records[1]["run_id"]]
    assert second["val_accuracy"].tolist() == records[1]["history"]["val_accuracy"]


def test_a_diverged_run_has_a_short_history_and_losses_that_are_nan():
    tables = build_tables([make_record(outcome="diverged", epochs=9), make_record(seed=1, epochs=9)])
    assert len(tables.history) == 3 + 9
    assert np.isnan(tables.runs["train_loss"][0])
    assert np.isnan(tables.history["train_loss"][2])
    assert tables.runs["at_chance"].isna().tolist() == [True, False]


def test_a_run_that_diverged_in_its_first_epoch_has_no_history():
    record = make_record(outcome="diverged")
    assert build_tables([{**record, "history": {}}]).history.empty


def test_failed_runs_are_refused():
    record = {**make_record(), "status": "failed", "metrics": {}, "history": {}, "error": "disk full"}
    with pytest.raises(UserError, match=r"failed.*disk full"):
        build_tables([record])


@pytest.mark.parametrize("part", ["factors", "metrics"])
def test_incomplete_records_are_refused(part):
    record = make_record()
    name = {"factors": "depth", "metrics": "test_accuracy"}[part]
    del record[part][name]
    with pytest.raises(UserError, match=rf"{record['run_id']}.*{name}"):
        build_tables([record])


def test_a_run_without_test_accuracy_is_refused():
    record = make_record()
    record["metrics"]["test_accuracy"] = None
    with pytest.raises(UserError, match="no test accuracy"):
        build_tables([record])


def test_one_run_given_twice_is_refused():
    with pytest.raises(UserError, match="1 runs were given twice"):
        build_tables([make_record(), make_record()])


def test_no_records_are_refused():
    with pytest.raises(UserError, match="no runs"):
        build_tables([])


def test_factor_columns_of_runs():
    runs = build_tables(make_records(axes={"batch_size": [64, 128]})).runs
    assert factor_columns(runs) == [
        "data", "activation", "depth", "width", "init", "norm", "optimizer", "lr", "epochs", "precision", "batch_size",
    ]  # fmt: skip
