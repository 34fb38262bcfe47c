"""Which rate is chosen, and where a grid has to be extended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pytest

from synthetic import make_record
from whyrelu.results.tables import build_tables
from whyrelu.tuning.selection import choose, edges

RATES = (0.01, 0.0316, 0.1)


def tuning(
    accuracies: Mapping[str, Sequence[Sequence[float | None]]],
    failed: Sequence[str] = (),
    rates: Sequence[float] = RATES,
) -> pd.DataFrame:
    """Two activations or more with the validation accuracies of two seeds at every rate."""
    records = []
    for activation, by_rate in accuracies.items():
        for rate, values in zip(rates, by_rate, strict=True):
            for seed, value in enumerate(values):
                outcome = "at_chance" if activation in failed else "learned"
                record = make_record(activation, 2, seed, lr=rate, outcome=outcome)
                record["metrics"]["val_accuracy"] = value
                records.append(record)
    runs = build_tables(records).runs
    return runs.assign(cell=runs["activation"])


def test_the_best_mean_is_chosen() -> None:
    # the highest single run is at the last rate, the highest mean in the middle
    chosen = choose(tuning({"relu": [(0.5, 0.5), (0.8, 0.8), (0.95, 0.3)]})).iloc[0]
    assert (chosen["lr"], chosen["val_accuracy"], chosen["n"]) == (0.0316, 0.8, 2)
    assert (chosen["rates"], chosen["lowest"], chosen["highest"], chosen["flag"]) == (3, 0.01, 0.1, "")
    assert (chosen["activation"], chosen["depth"], chosen["optimizer"]) == ("relu", 2, "sgd")
    assert "seed" not in chosen.index


def test_of_equal_rates_the_smallest_is_chosen_and_a_run_without_accuracy_counts_with_zero() -> None:
    assert choose(tuning({"relu": [(0.2, 0.2), (0.8, 0.8), (0.8, 0.8)]}))["lr"].item() == 0.0316
    assert choose(tuning({"relu": [(0.6, 0.6), (0.5, 0.5), (0.9, None)]}))["lr"].item() == 0.01


def test_sensitivity_counts_rates_within_a_point() -> None:
    assert choose(tuning({"relu": [(0.795, 0.795), (0.8, 0.8), (0.78, 0.78)]}))["decades"].item() == 1.0


@pytest.mark.parametrize(("best", "end"), [(0, ("group", False)), (2, ("group", True))])
def test_a_best_rate_at_an_end_is_flagged_and_extends_the_grid_of_its_group(best: int, end: tuple[str, bool]) -> None:
    values = [(0.5, 0.5)] * 3
    values[best] = (0.9, 0.9)
    chosen = choose(tuning({"relu": values, "tanh": [(0.5, 0.5), (0.9, 0.9), (0.5, 0.5)]}))
    assert chosen["flag"].tolist() == ["edge", ""]
    assert edges(chosen, {"relu": "group", "tanh": "group"}) == {end: RATES[best]}


def test_a_cell_that_learns_nowhere_extends_nothing() -> None:
    chosen = choose(tuning({"sigmoid": [(0.12, 0.1), (0.1, 0.1), (0.1, 0.1)]}, failed=["sigmoid"]))
    assert chosen["flag"].item() == "none learned"
    assert edges(chosen, {"sigmoid": "group"}) == {}
