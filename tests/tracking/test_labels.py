from typing import Any

from synthetic import make_record, make_records
from whyrelu.tracking.labels import cell_factors, cell_id, cell_labels, run_label


def labels_of(records: list[dict[str, Any]]) -> set[str]:
    return set(cell_labels({cell_id(record): cell_factors(record) for record in records}).values())


def test_cells_are_named_by_activation_and_depth_alone_where_that_is_enough() -> None:
    assert labels_of(make_records(["relu", "tanh"], [2, 16])) == {
        "relu depth=02",
        "relu depth=16",
        "tanh depth=02",
        "tanh depth=16",
    }


def test_cells_are_named_by_further_factors_only_where_these_tell_them_apart() -> None:
    by_norm = make_records(["relu"], [2], axes={"norm": ["none", "batch"]})
    assert labels_of(by_norm) == {"relu depth=02 norm=none", "relu depth=02 norm=batch"}
    # a learning rate tuned for each cell goes with the activation
    tuned = [make_record("relu", lr=0.1), make_record("sigmoid", lr=1.0)]
    assert labels_of(tuned) == {"relu depth=02", "sigmoid depth=02"}


def test_runs_of_different_code_are_different_cells_with_different_names() -> None:
    old, new = make_record(), make_record()
    new["provenance"] = new["provenance"] | {"code_version": "0000000000000000"}
    assert cell_id(old) != cell_id(new)
    assert len(labels_of([old, new])) == 2


def test_runs_of_one_cell_have_one_id() -> None:
    assert len({cell_id(record) for record in make_records(["relu"], [2], seeds=4)}) == 1


def test_names_sort_by_number() -> None:
    widths = make_records(["relu"], [8], axes={"width": [128, 16]})
    assert sorted(labels_of(widths)) == ["relu depth=08 width=016", "relu depth=08 width=128"]
    assert run_label("relu depth=08", 3) == "seed=03 relu depth=08"


def test_names_are_short() -> None:
    records = [make_record(taps="x" * 1_000), make_record(taps="y" * 1_000)]
    assert {len(label) for label in labels_of(records)} == {len("relu depth=02 taps=") + 40}
