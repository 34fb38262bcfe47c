"""tuning.parquet and lr.csv, and adding to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from whyrelu.tuning.table import Tuned, nothing_tuned, read_tuned, together, tuning_rows, write_tuned

from synthetic import make_record
from whyrelu.errors import UserError
from whyrelu.tuning.selection import choose

RATES = (0.01, 0.1)


def tuned(*activations: str, rates: Sequence[float] = RATES, best: float = 0.1, **changed: Any) -> Tuned:
    """A tuning of activations at depth 2, with two seeds for every rate."""
    records, own = [], {}
    for activation in activations:
        for rate in rates:
            for seed in (7, 8):
                record = make_record(activation, 2, seed, lr=rate, outcome="learned", **changed)
                record["metrics"]["val_accuracy"] = 0.9 if rate == best else 0.5
                own[record["run_id"]] = {"cell": f"{activation}{changed}", "group": f"2{changed}"}
                records.append(record)
    runs = tuning_rows(records, own)
    return Tuned(runs, choose(runs, dict.fromkeys(runs["cell"], 0.03)))


def test_what_is_written_is_what_is_read_and_written_again(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "lr.csv", tmp_path / "b" / "lr.csv"
    write_tuned(tuned("relu", "tanh"), one)
    assert sorted(path.name for path in one.parent.iterdir()) == ["lr.csv", "tuning.parquet"]
    write_tuned(together(read_tuned(one), nothing_tuned()), other)
    for name in ("lr.csv", "tuning.parquet"):
        assert (one.parent / name).read_bytes() == (other.parent / name).read_bytes()


def test_a_cell_that_is_added_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "lr.csv"
    write_tuned(tuned("relu", "tanh"), path)
    before = pd.read_csv(path)
    write_tuned(together(read_tuned(path), tuned("gelu", best=0.01)), path)
    after = pd.read_csv(path)
    pd.testing.assert_frame_equal(after.iloc[:2], before)
    assert after["activation"].tolist() == ["relu", "tanh", "gelu"]
    assert after["lr"].tolist() == [0.1, 0.1, 0.01]
    runs = read_tuned(path).runs
    assert runs.groupby("cell", sort=False).size().tolist() == [4, 4, 4]
    assert runs["run_id"].is_unique


def test_a_cell_that_is_tuned_again_takes_its_own_place(tmp_path: Path) -> None:
    path = tmp_path / "lr.csv"
    everything = tuned("relu", "tanh", "gelu")
    write_tuned(everything, path)
    before = path.read_bytes(), path.with_name("tuning.parquet").read_bytes()
    write_tuned(together(read_tuned(path), tuned("tanh")), path)
    assert (path.read_bytes(), path.with_name("tuning.parquet").read_bytes()) == before
    write_tuned(together(read_tuned(path), tuned("tanh", best=0.01)), path)
    assert pd.read_csv(path)["lr"].tolist() == [0.1, 0.01, 0.1]


def test_settings_that_vary_only_with_the_cells_that_are_added_become_columns() -> None:
    both = together(tuned("relu"), tuned("relu", **{"optimizer.momentum": 0.5}))
    assert both.rates["optimizer.momentum"].tolist() == [0.5, 0.9]
    assert both.runs.groupby("cell")["optimizer.momentum"].first().to_dict() == {
        "relu{}": 0.9,
        "relu{'optimizer.momentum': 0.5}": 0.5,
    }
    assert "optimizer.momentum" not in tuned("relu").rates


def test_losses_and_divergence_are_kept(tmp_path: Path) -> None:
    record = make_record("relu", outcome="diverged")
    runs = tuning_rows([record], {record["run_id"]: {"cell": "a", "group": "b"}})
    one = Tuned(runs, choose(runs, {"a": 0.05}))
    write_tuned(together(one, tuned("tanh")), tmp_path / "lr.csv")
    found = read_tuned(tmp_path / "lr.csv").runs
    assert found["status"].tolist()[0] == "diverged"
    assert found["val_loss"].isna().tolist() == [True, False, False, False, False]
    assert found["at_chance"].isna().tolist() == [True, False, False, False, False]


def test_without_files_nothing_was_tuned(tmp_path: Path) -> None:
    assert all(table.empty for table in read_tuned(tmp_path / "lr.csv"))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("lr.csv", lambda content: None, r"lr\.csv is missing"),
        ("lr.csv", lambda content: content[: len(content) // 2], r"lr\.csv is damaged|do not belong together"),
        ("lr.csv", lambda content: content.replace(b"0.1", b"fast"), r"lr\.csv is damaged"),
        ("lr.csv", lambda content: content.splitlines(keepends=True)[0], "do not belong together"),
        ("tuning.parquet", lambda content: None, r"tuning\.parquet is missing"),
        ("tuning.parquet", lambda content: content[:100], r"tuning\.parquet is damaged"),
    ],
)
def test_what_cannot_be_added_to_is_told(tmp_path: Path, name: str, change: Any, message: str) -> None:
    write_tuned(tuned("relu", "tanh"), tmp_path / "lr.csv")
    content = change((tmp_path / name).read_bytes())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_tuned(tmp_path / "lr.csv")


def test_a_table_of_an_earlier_version_is_told(tmp_path: Path) -> None:
    one = tuned("relu")
    write_tuned(Tuned(one.runs.drop(columns="settings"), one.rates), tmp_path / "lr.csv")
    with pytest.raises(UserError, match=r"tuning\.parquet has no column settings: python src/tune\.py"):
        read_tuned(tmp_path / "lr.csv")
