import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from synthetic import make_records
from whyrelu.errors import UserError
from whyrelu.results.files import (
    read_json,
    read_part,
    read_table,
    write_batches,
    write_bytes,
    write_csv,
    write_json,
    write_table,
)
from whyrelu.results.tables import build_tables


def test_a_table_is_read_back_as_it_was(tmp_path):
    tables = build_tables(make_records(axes={"data.train_size": [None, 100]}))
    for name, table in {"runs": tables.runs, "history": tables.history}.items():
        write_table(table, tmp_path / "new" / name)
        pd.testing.assert_frame_equal(read_table(tmp_path / "new" / name, table.columns), table)


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_table(build_tables(make_records()).runs, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def parts(table, rows):
    return [table.iloc[i : i + rows] for i in range(0, max(len(table), 1), rows)]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (build_tables(make_records()).history, 7),
        (build_tables(make_records(axes={"data.train_size": [None, 100]})).runs, 10),
        (build_tables(make_records()).history.iloc[:0], 7),
        # more than one row group, and one that is just full
        (
            pd.DataFrame({"x": np.arange(2_500_000) % 1000, "y": pd.array(["a", None] * 1_250_000, dtype="str")}),
            300_000,
        ),
        (pd.DataFrame({"x": np.arange(1 << 20)}), 1 << 18),
    ],
    ids=["numbers", "missing", "empty", "groups", "full"],
)
def test_batches_give_the_bytes_of_the_whole(tmp_path, table, rows):
    write_table(table, tmp_path / "whole")
    write_batches(iter(parts(table, rows)), tmp_path / "batches")
    assert (tmp_path / "batches").read_bytes() == (tmp_path / "whole").read_bytes()
    pd.testing.assert_frame_equal(read_table(tmp_path / "batches", []), table.reset_index(drop=True))


def test_batches_that_end_early_leave_nothing(tmp_path):
    def batches():
        yield pd.DataFrame({"x": [1]})
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_batches(batches(), tmp_path / "new" / "t")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_part_of_a_table(tmp_path):
    # the name of a folder is no column of the table in it
    path = tmp_path / "lr=0.1" / "history"
    whole = build_tables(make_records()).history
    write_table(whole, path)
    ids = whole["run_id"].unique()[[3, 1]].tolist()
    columns = ["epoch", "run_id"]
    rows = pc.field("run_id").isin(ids) | (pc.field("epoch") == 2)
    expected = whole.loc[whole["run_id"].isin(ids) | (whole["epoch"] == 2), columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(read_part(path, columns, rows), expected)
    pd.testing.assert_frame_equal(read_part(path, columns), whole[columns])


def test_a_part_that_cannot_be_read_is_one_clear_line(tmp_path):
    path = tmp_path / "t"
    with pytest.raises(UserError, match=r"t is missing: python src/aggregate\.py"):
        read_part(path, ["a"])
    write_table(pd.DataFrame({"a": [1]}), path)
    with pytest.raises(UserError, match="no column b"):
        read_part(path, ["a", "b"])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"t is damaged .*aggregate\.py"):
        read_part(path, ["a"])


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:4] + b"x" * len(b)])
def test_a_damaged_table_is_one_clear_line(tmp_path, damage):
    path = tmp_path / "runs.parquet"
    write_table(build_tables(make_records()).runs, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"runs\.parquet is damaged .*aggregate\.py") as caught:
        read_table(path, [])
    assert "\n" not in str(caught.value)


def test_missing_files_say_what_writes_them(tmp_path):
    with pytest.raises(UserError, match=r"missing: python src/aggregate\.py"):
        read_table(tmp_path / "cells.parquet", [])
    with pytest.raises(UserError, match=r"missing: python src/aggregate\.py"):
        read_json(tmp_path / "metrics.json")


def test_a_table_without_a_column_is_refused(tmp_path):
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "t")
    with pytest.raises(UserError, match="no column b, c"):
        read_table(tmp_path / "t", ["a", "b", "c"])


def test_damaged_json_is_one_clear_line(tmp_path):
    (tmp_path / "m.json").write_text('{"a": ')
    with pytest.raises(UserError, match=r"m\.json is damaged"):
        read_json(tmp_path / "m.json")


def test_json_keeps_order_and_refuses_nan(tmp_path):
    write_json({"b": 1, "a": [2.5, None]}, tmp_path / "m.json")
    assert list(read_json(tmp_path / "m.json")) == ["b", "a"]
    with pytest.raises(ValueError, match="nan"):
        write_json({"a": float("nan")}, tmp_path / "m.json")
    assert list(read_json(tmp_path / "m.json")) == ["b", "a"]


def test_csv_has_six_digits_and_empty_gaps(tmp_path):
    write_csv(pd.DataFrame({"x": [1 / 3, float("nan")], "y": [1, 2]}), tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text() == "x,y\n0.333333,1\n,2\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_bytes(b"old", path)
    with pytest.raises(TypeError):
        write_bytes("text", path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
