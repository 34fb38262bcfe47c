import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from synthetic import make_records
from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.files import read_part, read_table, write_batches, write_csv, write_table
from whyrelu.results.tables import build_tables


def test_a_table_is_read_back_as_it_was(tmp_path):
    tables = build_tables(make_records(axes={"data.train_size": [None, 100]}))
    for name, table in {"runs": tables.runs, "history": tables.history}.items():
        write_table(table, tmp_path / "new" / name)
        pd.testing.assert_frame_equal(read_table(tmp_path / "new" / name, table.columns), table)


def parts(table, rows):
    return [table.iloc[i : i + rows] for i in range(0, max(len(table), 1), rows)]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (build_tables(make_records()).history, 7),
        (build_tables(make_records(axes={"data.train_size": [None, 100]})).runs, 10),
        (build_tables(make_records()).history.iloc[:0], 7),
        # more than one row group
        (pd.DataFrame({"x": np.arange(1_200_000) % 1000}), 300_000),
    ],
    ids=["numbers", "missing", "empty", "groups"],
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


def test_csv_has_six_digits_and_empty_gaps(tmp_path):
    write_csv(pd.DataFrame({"x": [1 / 3, float("nan")], "y": [1, 2]}), tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text() == "x,y\n0.333333,1\n,2\n"


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b""])
def test_unreadable_files_are_one_line(tmp_path, damage):
    table, values = tmp_path / "runs.parquet", tmp_path / "metrics.json"
    for read, path in ((lambda path: read_table(path, []), table), (read_json, values)):
        with pytest.raises(UserError, match=r"missing: python src/aggregate\.py"):
            read(path)
    write_table(build_tables(make_records()).runs, table)
    values.write_bytes(b'{"a": 1}')
    for read, path in ((lambda path: read_table(path, []), table), (read_json, values)):
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(UserError, match=rf"^.*{path.name} is damaged.*$"):
            read(path)
