"""Which rate is chosen from tuning runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from whyrelu.tuning.selection import best_of_grid, choose, score

Values = Mapping[float, Sequence[float | None]]
FLAT: Values = {0.01: (0.6, 0.6), 0.0316: (0.7, 0.7), 0.1: (0.6, 0.6)}


def tuning(grid: Values, confirm: Values | None = None, losses: Values | None = None) -> pd.DataFrame:
    """Validation accuracies by rate, learned from 0.5 on; a run without one diverged."""
    rows = []
    for stage, values in (("grid", grid), ("confirm", confirm or {})):
        for lr, accuracies in values.items():
            for seed, accuracy in enumerate(accuracies):
                outcome = "diverged" if accuracy is None else "learned" if accuracy >= 0.5 else "chance"
                loss = losses[lr][seed] if losses else 1.0
                rows.append(
                    (f"{stage}{lr}{seed}", "relu", 2, seed, lr, stage, outcome, accuracy, accuracy or 0.0, loss)
                )
    columns = ["run_id", "activation", "depth", "seed", "lr", "stage", "outcome", "val_accuracy", "score", "val_loss"]
    table = pd.DataFrame(rows, columns=columns).astype({"val_accuracy": "float64", "val_loss": "float64"})
    return table.assign(cell="a", group="all")


@pytest.mark.parametrize(
    ("grid", "losses", "rate"),
    [
        # the highest mean, not the highest run
        ({0.01: (0.5, 0.5), 0.0316: (0.8, 0.8), 0.1: (0.95, 0.3)}, None, 0.0316),
        # the same mean, though the second sum is larger in its last bit
        ({0.01: (0.1, 0.7), 0.0316: (0.3, 0.5)}, None, 0.01),
        ({0.01: (0.5, 0.5), 0.0316: (0.9, None)}, None, 0.01),
        # a loss decides nothing where a run learned
        ({0.01: (0.2, 0.2), 0.0316: (0.3, 0.8)}, {0.01: (0.1, 0.1), 0.0316: (2.0, 2.0)}, 0.0316),
        # where none did, it decides and the accuracy of guesses does not
        ({0.01: (0.12, 0.11), 0.1: (0.08, 0.09)}, {0.01: (2.303, 2.303), 0.1: (2.301, 2.3)}, 0.1),
        ({0.01: (0.1, 0.1), 0.1: (0.1, None)}, {0.01: (2.3, 2.3), 0.1: (0.1, 0.1)}, 0.01),
        ({0.01: (None, 0.1), 0.1: (0.1, None)}, None, 0.01),
    ],
)
def test_the_best_of_a_grid_has_the_highest_mean(grid: Values, losses: Values | None, rate: float) -> None:
    table = tuning(grid, losses=losses)
    assert best_of_grid(table)["lr"].tolist() == [rate] == choose(table)["lr"].tolist()


@pytest.mark.parametrize(
    ("confirm", "rate"),
    [
        # one of four dies
        ({0.01: (0.8, 0.8, 0.8, 0.8), 0.0316: (0.95, 0.95, 0.95, 0.1)}, 0.01),
        ({0.01: (0.8, 0.8, 0.8, 0.8), 0.0316: (0.99, 0.99, 0.99, None)}, 0.01),
        # of the higher mean
        ({0.01: (0.75, 0.75, 0.75, 0.75), 0.0316: (0.99, 0.99, 0.6, 0.6)}, 0.01),
        ({0.01: (0.8, 0.8, 0.8, 0.8), 0.0316: (0.9, 0.9, 0.9, 0.8)}, 0.0316),
        ({0.00316: (0.1, 0.1), 0.01: (0.9, 0.7), 0.0316: (0.7, 0.9)}, 0.01),
    ],
)
def test_a_rate_that_splits_loses_to_a_lower_one_that_does_not(confirm: Values, rate: float) -> None:
    assert choose(tuning(FLAT, confirm))["lr"].item() == rate


def test_a_row_tells_what_decided() -> None:
    fresh: Values = {0.00316: (0.5, 0.5, 0.5, 0.5), 0.01: (0.9, 0.8, 0.6, None), 0.0316: (0.3, 0.3, 0.3, 0.3)}
    row = choose(tuning(FLAT, fresh)).iloc[0]
    assert (row["cell"], row["activation"], row["depth"], row["lr"]) == ("a", "relu", 2, 0.00316)
    assert (row["val_accuracy"], row["lower_quartile"], row["n"]) == (0.5, 0.5, 4)
    assert (row["rates"], row["lowest"], row["highest"], row["flag"]) == (4, 0.00316, 0.1, "edge")
    assert "seed" not in row.index
    row = choose(tuning(FLAT, {**fresh, 0.00316: (0.1, 0.1, 0.1, 0.1)})).iloc[0]
    assert (row["lr"], row["val_accuracy"], row["lower_quartile"]) == pytest.approx((0.01, 0.575, 0.45))
    assert row["flag"] == ""


@pytest.mark.parametrize(
    ("grid", "flag"),
    [
        (FLAT, ""),
        ({**FLAT, 0.01: (0.9, 0.9)}, "edge"),
        ({**FLAT, 0.1: (0.9, 0.9)}, "edge"),
        (dict.fromkeys(FLAT, (0.1, 0.1)), "none learned"),
        (dict.fromkeys(FLAT, (None, None)), "none learned"),
        # other rates have a run that learned
        ({0.01: (0.0, 0.5), 0.0316: (0.4, 0.4), 0.1: (0.0, 0.5)}, "none learned"),
    ],
)
def test_a_choice_that_may_not_be_one_is_flagged(grid: Values, flag: str) -> None:
    assert choose(tuning(grid))["flag"].tolist() == [flag]


@pytest.mark.parametrize(
    ("stop_at", "outcome", "val_accuracy", "expected"),
    [
        (None, "learned", 0.8, 0.8),
        (None, "diverged", 0.1, 0.1),
        (None, "diverged", None, 0.0),
        (0.9, "learned", 0.95, -60),
        # as if it had gone on to the last of 20 epochs
        (0.9, "diverged", 0.1, -400),
    ],
)
def test_what_a_run_scores(stop_at: float | None, outcome: str, val_accuracy: float | None, expected: float) -> None:
    metrics = {"val_accuracy": val_accuracy, "steps": 60, "epochs_run": 3}
    record: dict[str, Any] = {"outcome": outcome, "metrics": metrics}
    record["config"] = {"trainer": {"stop_at": stop_at, "max_epochs": 20}}
    assert score(record) == expected
