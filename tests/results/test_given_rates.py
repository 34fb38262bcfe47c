"""Studies that compare tuned learning rates with given ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from synthetic import make_record
from whyrelu.results.cells import cells_table
from whyrelu.results.given_rates import as_tuned, compares_tuned_with_given, trained_id, with_given_lr
from whyrelu.results.labels import facet_columns, facet_labels
from whyrelu.results.tables import build_tables

TUNED = {"relu": 0.05, "tanh": 0.1, "sigmoid": 0.3}


@pytest.mark.parametrize(
    ("given", "compares"),
    [(["tuned", "tuned"], False), (["0.05", "0.1"], False), (["0.1", "tuned", "0.1"], True), ([], False)],
)
def test_rates_are_told_apart_only_where_both_kinds_are(given: Sequence[str], compares: bool) -> None:
    assert compares_tuned_with_given(given) is compares


def study() -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Three activations at their tuned rate, and at 0.05, which is that of relu."""
    records, given = [], {}
    for name, tuned in TUNED.items():
        for lr, ways in {tuned: ["tuned"], 0.05: ["0.05"]}.items() if tuned != 0.05 else [(tuned, ["tuned", "0.05"])]:
            for seed in range(2):
                record = make_record(name, 2, seed, lr=lr)
                records.append(record)
                given[record["run_id"]] = ways
    return records, build_tables(with_given_lr(records, given)).runs


def test_each_way_is_a_facet_that_has_all_cells() -> None:
    _, runs = study()
    cells = cells_table(runs)
    columns = facet_columns(cells)
    assert columns == ["given_lr"]
    facets = cells.assign(facet=facet_labels(cells, columns)).groupby("facet")
    assert {label: dict(zip(part["activation"], part["lr"], strict=True)) for label, part in facets} == {
        "lr=tuned": TUNED,
        "lr=0.05": dict.fromkeys(TUNED, 0.05),
    }
    assert set(cells["n"]) == {2}


def test_a_run_of_both_ways_counts_in_both_under_ids_of_its_own() -> None:
    records, runs = study()
    assert len(records) == 10 and len(runs) == 12
    assert runs["run_id"].is_unique
    assert {trained_id(run_id) for run_id in runs["run_id"]} == {record["run_id"] for record in records}
    own = runs[runs["activation"] == "relu"]
    first, second = (own[own["given_lr"] == way].reset_index(drop=True) for way in ("tuned", "0.05"))
    assert (second["run_id"] == first["run_id"] + "+0.05").all()
    pd.testing.assert_frame_equal(
        first.drop(columns=["run_id", "given_lr"]), second.drop(columns=["run_id", "given_lr"])
    )
    # what is in the run store stays as it is
    assert all("given_lr" not in record["factors"] for record in records)


def test_tuning_belongs_to_the_tuned_side() -> None:
    tuning = pd.DataFrame({"lr": [0.1, 0.2]})
    assert as_tuned(tuning, ["norm", "given_lr"])["given_lr"].tolist() == ["tuned", "tuned"]
    assert as_tuned(tuning, ["norm", "lr"]) is tuning
