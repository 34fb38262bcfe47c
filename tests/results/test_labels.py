"""Names of cells and of what tells them apart."""

import pytest

from synthetic import make_record, make_records
from whyrelu.results.cells import cells_table
from whyrelu.results.labels import contrast_pair, facet_columns, facet_labels, series_labels, value_text
from whyrelu.results.tables import build_tables


def cells_of(records):
    return cells_table(build_tables(records).runs)


def test_one_grid_has_no_facets():
    assert facet_columns(cells_of(make_records())) == []


def test_further_axes_are_facets_in_their_order():
    cells = cells_of(make_records(axes={"batch_size": [64, 128], "norm": ["none", "batch"]}))
    assert facet_columns(cells) == ["norm", "batch_size"]
    assert facet_labels(cells, ["norm", "batch_size"])[0] == "norm=none, batch_size=64"


def test_a_learning_rate_that_goes_with_the_optimizer_is_no_facet():
    records = make_records(["relu"], seeds=2) + [
        make_record("relu", depth, seed, optimizer="adam", lr=0.001) for depth in (2, 4) for seed in range(2)
    ]
    assert facet_columns(cells_of(records)) == ["optimizer"]


def test_a_learning_rate_chosen_per_cell_is_no_facet():
    records = [make_record(name, depth, lr=0.1 / depth) for name in ("relu", "tanh") for depth in (2, 4)]
    assert facet_columns(cells_of(records)) == []


def test_a_learning_rate_that_is_swept_is_a_facet():
    assert facet_columns(cells_of(make_records(axes={"lr": [0.01, 0.1]}))) == ["lr"]


def test_settings_of_an_activation_make_series_of_their_own():
    records = make_records(["leaky_relu"], axes={"activation.negative_slope": [0.01, 0.2]}) + make_records(["relu"])
    cells = cells_of(records)
    assert facet_columns(cells) == []
    assert list(series_labels(cells).unique()) == [
        "leaky_relu(negative_slope=0.01)",
        "leaky_relu(negative_slope=0.2)",
        "relu",
    ]


@pytest.mark.parametrize(
    ("series", "pair"),
    [
        (["tanh", "sigmoid", "relu"], ("relu", "sigmoid")),
        (["tanh", "sigmoid"], ("tanh", "sigmoid")),
        (["sigmoid", "tanh"], None),
        (["relu", "tanh"], None),
    ],
)
def test_the_pair_to_compare(series, pair):
    assert contrast_pair(series) == pair


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, "0.05"), (1e-12, "1e-12"), (16, "16"), (None, "null"), (True, "true"), ("he", "he")]
)
def test_values_are_written_as_they_are_typed(value, text):
    assert value_text(value) == text
