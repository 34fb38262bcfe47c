"""Runs, epochs and layers from records."""

import numpy as np
import pandas as pd
import pytest

from synthetic import make_layers, make_record, make_records
from whyrelu.errors import UserError
from whyrelu.results.columns import HISTORY_COLUMNS, LAYER_COLUMNS, RUN_COLUMNS
from whyrelu.results.labels import LR_GIVEN, cell_factors, varying
from whyrelu.results.tables import (
    history_table,
    layers_table,
    planned_cells,
    runs_table,
    trained_id,
    with_lr_given,
)


def test_tables_have_the_declared_columns_and_no_times():
    records = make_records()
    runs = runs_table(records)
    for table, columns in (
        (runs, RUN_COLUMNS),
        (history_table(records, runs), HISTORY_COLUMNS),
        (layers_table(records, runs, make_layers), LAYER_COLUMNS),
        (layers_table(records, runs, lambda record: None), LAYER_COLUMNS),
    ):
        assert {name: str(kind) for name, kind in table.dtypes.items()} == columns
        assert list(table.columns) == list(columns)


def test_rows_keep_the_order_of_names_and_ascend_in_numbers_whatever_that_of_the_records():
    records = make_records(["tanh", "relu"], depths=[16, 2, 4], seeds=12)
    runs = runs_table(records)
    expected = [(name, depth, seed) for name in ("tanh", "relu") for depth in (2, 4, 16) for seed in range(12)]
    assert list(runs[["activation", "depth", "seed"]].itertuples(index=False, name=None)) == expected
    mixed = records[::-1][36:] + records[::-1][:36]
    pd.testing.assert_frame_equal(runs_table(mixed), runs)
    pd.testing.assert_frame_equal(history_table(mixed, runs), history_table(records, runs))


@pytest.mark.parametrize(
    ("axes", "further", "kinds"),
    [
        # none: it is missing for the other activation only
        ({}, [], []),
        ({"norm": ["none", "batch"]}, [], []),
        # it is half of a name
        ({"activation.shift": [0.5]}, ["activation.shift"], ["float64"]),
        ({"batch_size": [128, 64]}, ["batch_size"], ["float64"]),
        ({"data.train_size": [None, 100]}, ["data.train_size"], ["float64"]),
        ({"init": ["gain"], "init.gain": [0.5, 2]}, ["init.gain"], ["float64"]),
        ({"data.options": [{"year": 1}, {"year": 2}]}, ["data.options"], ["str"]),
        ({"schedule": ["cosine", "constant"], "own.flag": [None, True]}, ["schedule", "own.flag"], ["str", "boolean"]),
        ({"own.mixed": [1, "many", None]}, ["own.mixed"], ["str"]),
    ],
)
def test_a_further_setting_that_varies_is_a_column_before_what_was_measured(axes, further, kinds):
    records = make_records(["relu", "leaky_relu"], axes=axes)
    runs = runs_table(records)
    factors = [name for name in RUN_COLUMNS if name in runs.columns[: list(runs.columns).index("status")]]
    assert list(runs.columns) == [*factors, *further, *(name for name in RUN_COLUMNS if name not in factors)]
    assert [str(runs[name].dtype) for name in further] == kinds
    assert cell_factors(runs) == [*(name for name in factors if name not in ("run_id", "seed")), *further]
    cells = planned_cells([record["factors"] for record in records])
    assert list(cells.columns) == [*cell_factors(runs), "run"]
    pd.testing.assert_frame_equal(
        cells.drop(columns="run"), runs[cell_factors(runs)].drop_duplicates(ignore_index=True)
    )
    assert (records[cells["run"].iloc[-1]]["factors"]["activation"], len(cells)) == ("leaky_relu", len(runs) // 3)


def test_a_diverged_run_has_a_short_history_and_missing_losses():
    records = [make_record(outcome="diverged", epochs=9), make_record(seed=1, epochs=9), make_record(seed=2, epochs=9)]
    records[2]["history"] = {}
    runs = runs_table(records)
    history = history_table(records, runs)
    assert history["run_id"].value_counts().to_dict() == {records[0]["run_id"]: 3, records[1]["run_id"]: 9}
    assert (runs["train_loss"].isna().tolist(), history["train_loss"].isna().sum()) == ([True, False, False], 1)
    assert runs["outcome"][0] == "diverged"


def test_every_number_of_every_layer_is_in_its_place():
    records = make_records(["relu", "sigmoid"], depths=[1, 3], seeds=2)
    # of another code, which measured in another order
    records[1]["diagnostics"] = records[1]["diagnostics"] | {"columns": records[1]["diagnostics"]["columns"][::-1]}

    def load(record):
        values = make_layers(record)
        values[0, 0, 0] = np.inf
        return values[..., ::-1] if record is records[1] else values

    runs = runs_table(records)
    layers = layers_table(records, runs, load)
    assert layers["run_id"].drop_duplicates().tolist() == runs["run_id"].tolist()
    for record in records:
        own, expected = layers[layers["run_id"] == record["run_id"]], make_layers(record)
        expected[0, 0, 0] = np.nan
        depth = expected.shape[1]
        assert own["epoch"].tolist() == [0] * depth + [4] * depth
        assert own["layer"].tolist() == [*range(1, depth + 1)] * 2
        found = own[records[0]["diagnostics"]["columns"]].to_numpy("float64").reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def broken(part, **changed):
    record = make_record()
    return [{**record, part: {**record[part], **changed}}]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (broken("metrics", test_accuracy=None), f"{make_record()['run_id']} is not complete: .* no test_accuracy"),
        ([{**make_record(), "factors": {"activation": "relu"}}], f"{make_record()['run_id']} is not complete"),
        ([make_record(), make_record()], "given twice"),
        ([], "no runs"),
    ],
)
def test_records_that_are_no_study_are_refused(records, message):
    with pytest.raises(UserError, match=message):
        runs_table(records)


def test_rates_that_are_tuned_and_given_are_told_apart():
    tuned = {"relu": 0.05, "tanh": 0.1, "sigmoid": 0.3}
    records, given = [], {}
    for name, lr in tuned.items():
        for rate in dict.fromkeys((lr, 0.05)):
            for seed in range(2):
                records.append(make_record(name, 2, seed, lr=rate))
                given[records[-1]["run_id"]] = ["tuned"] * (rate == lr) + ["0.05"] * (rate == 0.05)
    runs = runs_table(with_lr_given(records, given))
    assert varying(runs) == ["activation", LR_GIVEN]
    cells = runs.groupby([LR_GIVEN, "activation"])["lr"].agg(["first", "size"])
    assert cells["first"].to_dict() == {
        **{("tuned", name): lr for name, lr in tuned.items()},
        **{("0.05", name): 0.05 for name in tuned},
    }
    assert set(cells["size"]) == {2}
    # relu was trained once, and counts on both sides
    assert (len(records), len(runs)) == (10, 12)
    assert runs["run_id"].is_unique
    assert set(map(trained_id, runs["run_id"])) == {record["run_id"] for record in records}
    assert with_lr_given(records, {run_id: ["tuned"] for run_id in given}) == records
