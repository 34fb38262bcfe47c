"""Files of a study, written and read back."""

import pandas as pd
import pytest

from synthetic import make_records, write_study
from whyrelu.errors import UserError
from whyrelu.results.columns import LR_COLUMNS, RUN_COLUMNS, TUNING_COLUMNS
from whyrelu.results.files import write_csv, write_table
from whyrelu.results.study import Study
from whyrelu.results.tables import history_table, runs_table

TABLES = ("runs", "history", "layers", "profiles", "cells", "theory", "tuning")


def test_what_is_written_is_read_back(tmp_path):
    written = write_study(tmp_path, axes={"data.train_size": [None, 100], "clip": [None, 1.0]}, depths=[8], seeds=2)
    records = make_records(depths=[4], seeds=2)
    runs = runs_table(records)
    for name, table in {"runs": runs, "history": history_table(records, runs)}.items():
        write_table(table, tmp_path / "again" / f"{name}.parquet")
        pd.testing.assert_frame_equal(getattr(Study(tmp_path / "again"), name), table)
    assert (written.name, len(written.runs), len(written.rates)) == ("digits", 48, 24)
    assert written.provenance["runs"] == 48
    assert set(written.rates["flag"]) == {"", "edge", "none learned"}
    assert written.sibling("again").name == "again"
    assert written.sibling("nowhere") is None


def test_what_a_study_can_be_without_is_empty(tmp_path):
    study = Study(tmp_path)
    assert (list(study.tuning.columns), len(study.tuning)) == ([*RUN_COLUMNS, *TUNING_COLUMNS], 0)
    assert (list(study.rates.columns), len(study.rates)) == (["cell", *LR_COLUMNS], 0)
    assert study.timing == {}


@pytest.mark.parametrize("name", [*TABLES, "effects", "rates", "timing", "provenance"])
def test_a_file_that_cannot_be_used_is_one_line_with_the_command_that_writes_it(tmp_path, name):
    others = {"effects": "effects.csv", "rates": "lr.csv", "timing": "timing.json", "provenance": "provenance.json"}
    path = tmp_path / others.get(name, f"{name}.parquet")
    scripts = {"theory": "theory", "tuning": "tune", "rates": "tune", "timing": "timing", "effects": "decide"}
    script = scripts.get(name, "aggregate")
    if name not in ("tuning", "rates", "timing"):
        with pytest.raises(UserError, match=rf"^.*{path.name} is missing: python src/{script}\.py.* writes it$"):
            getattr(Study(tmp_path), name)
    for content in (b"", b"PAR1 and no more"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"^.*{path.name} is damaged .*: python src/{script}\.py.* again$"):
            getattr(Study(tmp_path), name)


def test_a_table_without_a_column_is_refused(tmp_path):
    write_table(runs_table(make_records()).drop(columns="depth"), tmp_path / "runs.parquet")
    with pytest.raises(UserError, match=r"runs\.parquet has no column depth: python src/aggregate\.py"):
        _ = Study(tmp_path).runs


def test_csv_has_six_digits_and_empty_gaps(tmp_path):
    write_csv(pd.DataFrame({"x": [1 / 3, float("nan")], "y": [1, 2]}), tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text() == "x,y\n0.333333,1\n,2\n"
