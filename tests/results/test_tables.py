import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from whyrelu.errors import UserError
from whyrelu.results.tables import RUN_COLUMNS, build_tables


def test_runs_have_the_declared_columns_and_types():
    runs = build_tables(make_records()).runs
    assert {name: str(kind) for name, kind in runs.dtypes.items()} == RUN_COLUMNS
    assert list(runs.columns) == list(RUN_COLUMNS)
    assert len(runs) == 3 * 2 * 3


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


def test_common_factors_are_those_with_one_value():
    common = build_tables(make_records(axes={"norm": ["none", "batch"]})).common
    assert common["lr"] == 0.05
    assert common["study"] == "synthetic"
    assert not {"norm", "depth", "activation", "seed"} & set(common)


def test_a_diverged_run_has_a_short_history_and_losses_that_are_nan():
    tables = build_tables([make_record(outcome="diverged", epochs=9), make_record(seed=1, epochs=9)])
    assert len(tables.history) == 3 + 9
    assert np.isnan(tables.runs["train_loss"][0])
    assert np.isnan(tables.history["train_loss"][2])
    assert tables.runs["at_chance"].isna().tolist() == [True, False]


def broken(part, **changed):
    record = make_record()
    return [{**record, part: {**record[part], **changed}}]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{**make_record(), "status": "failed", "metrics": {}, "history": {}, "error": "disk full"}], "disk full"),
        (broken("metrics", test_accuracy=None), "no test accuracy"),
        ([{**make_record(), "factors": {}}], make_record()["run_id"]),
        ([make_record(), make_record()], "given twice"),
        ([], "no runs"),
    ],
)
def test_records_that_are_no_study_are_refused(records, message):
    with pytest.raises(UserError, match=message):
        build_tables(records)
