"""Names of cells and of what tells them apart."""

import pytest

from synthetic import make_record, make_records
from whyrelu.results.cells import cells_table
from whyrelu.results.labels import label, value_text, varying
from whyrelu.results.tables import runs_table


@pytest.mark.parametrize(
    ("records", "columns"),
    [
        (make_records(), ["activation", "depth"]),
        (
            make_records(["relu"], axes={"batch_size": [64, 128], "norm": ["none", "batch"]}),
            ["depth", "norm", "batch_size"],
        ),
        # a rate that goes with the optimizer, one that was chosen for each cell, and two that are compared
        ([make_record(optimizer=name, lr=lr) for name, lr in (("sgd", 0.1), ("adam", 0.001))], ["optimizer"]),
        ([make_record(depth=depth, lr=0.1 / depth) for depth in (2, 4)], ["depth"]),
        ([make_record(depth=depth, lr=lr) for depth in (2, 4) for lr in (0.1, 0.2)], ["depth", "lr"]),
        ([make_record(lr=lr) for lr in (0.1, 0.2)], ["lr"]),
        ([make_record()], []),
    ],
)
def test_what_tells_cells_apart(records, columns):
    runs = runs_table(records)
    assert varying(runs) == varying(cells_table(runs)) == columns


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "sigmoid", "init": "edge", "depth": 8, "epochs": 60}, "sigmoid, edge, depth 8, 60 epochs"),
        ({"activation": "relu", "norm": "none", "model": "cnn", "clip": None}, "relu"),
        ({"norm": "batch", "model": "shortcut", "clip": 1.0}, "batch, shortcut, clip 1"),
        ({"activation": "elu", "depth": 8, "activation.alpha": 0.25}, "elu, alpha 0.25, depth 8"),
        ({"init": "gain", "init.gain": 512.0, "lr_given": "tuned"}, "gain, gain 512, lr tuned"),
        ({"precision": "bf16-mixed", "lr": 1e-12, "own.flag": True}, "bf16-mixed, lr 1e-12, flag true"),
        ({}, ""),
    ],
)
def test_cells_in_words(settings, words):
    assert label(settings, [*settings, "absent"]) == words


def test_values_are_written_as_they_are_typed():
    cases = {0.05: "0.05", 1e-12: "1e-12", 16: "16", None: "null", True: "true", "he": "he"}
    assert [value_text(value) for value in cases] == list(cases.values())
