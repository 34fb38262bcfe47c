"""Which rate is chosen, and where a grid has to be extended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pytest
from whyrelu.tuning.table import tuning_rows

from synthetic import make_record
from whyrelu.tuning.selection import choose, edges

RATES = (0.01, 0.0316, 0.1)


def tuning(
    accuracies: Mapping[str, Sequence[Sequence[float | None]]],
    failed: Sequence[str] = (),
    rates: Sequence[float] = RATES,
    losses: Sequence[Sequence[float | None]] | None = None,
) -> pd.DataFrame:
    """Activations with the validation accuracies of two seeds at every rate; without a loss, a run diverged."""
    records = []
    for activation, by_rate in accuracies.items():
        for rate, values, by_seed in zip(rates, by_rate, losses or [(1.0, 1.0)] * len(rates), strict=True):
            for seed, (value, loss) in enumerate(zip(values, by_seed, strict=True)):
                outcome = "at_chance" if activation in failed else "learned"
                record = make_record(activation, 2, seed, lr=rate, outcome=outcome if loss else "diverged")
                record["metrics"] |= {"val_accuracy": value, "val_loss": loss}
                records.append(record)
    own = {record["run_id"]: {"cell": record["factors"]["activation"], "group": "all"} for record in records}
    return tuning_rows(records, own)


def chosen_from(table: pd.DataFrame, middle: float = RATES[1]) -> pd.DataFrame:
    return choose(table, dict.fromkeys(table["cell"], middle))


def test_the_best_mean_is_chosen() -> None:
    # the highest single run is at the last rate, the highest mean in the middle
    chosen = chosen_from(tuning({"relu": [(0.5, 0.5), (0.8, 0.8), (0.95, 0.3)]})).iloc[0]
    assert (chosen["lr"], chosen["val_accuracy"], chosen["n"]) == (0.0316, 0.8, 2)
    assert (chosen["rates"], chosen["lowest"], chosen["highest"], chosen["flag"]) == (3, 0.01, 0.1, "")
    assert (chosen["activation"], chosen["depth"], chosen["optimizer"]) == ("relu", 2, "sgd")
    assert "seed" not in chosen.index


def test_a_run_without_accuracy_counts_with_zero() -> None:
    assert chosen_from(tuning({"relu": [(0.6, 0.6), (0.5, 0.5), (0.9, None)]}))["lr"].item() == 0.01


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        # the sums of accuracies differ in the last bit, in favour of the first
        ([(0.5, 0.5), (0.4, 0.4), (9, 9)], 0.0316),
        ([(0.4, 0.4), (0.5, 0.5), (0.1, 0.1)], 0.01),
        # a rate at which a run diverged is last, whatever the other one reached
        ([(0.5, 0.5), (0.0, None), (9, 9)], 0.01),
        # nothing left but the grid: 0.0316 is its middle
        ([(0.5, 0.5), (0.5, 0.5), (9, 9)], 0.0316),
        ([(0.5, None), (None, 0.4), (9, 9)], 0.0316),
    ],
)
def test_between_rates_of_the_same_accuracy_the_loss_decides_and_then_the_middle(
    losses: Sequence[Sequence[float | None]], rate: float
) -> None:
    assert sum((0.1, 0.7)) != sum((0.3, 0.5))
    table = tuning({"relu": [(0.1, 0.7), (0.3, 0.5), (0.2, 0.2)]}, losses=losses)
    assert chosen_from(table)["lr"].item() == rate


def test_a_better_accuracy_goes_before_any_loss() -> None:
    table = tuning({"relu": [(0.8, 0.8), (0.79, 0.8), (0.2, 0.2)]}, losses=[(2.0, 2.0), (0.1, 0.1), (0.1, 0.1)])
    assert chosen_from(table)["lr"].item() == 0.01


def test_where_no_rate_learned_the_loss_decides_not_the_accuracy_of_guessing() -> None:
    accuracies = {"sigmoid": [(0.12, 0.11), (0.1, 0.1), (0.08, 0.09)]}
    table = tuning(accuracies, failed=["sigmoid"], losses=[(2.304, 2.304), (2.303, 2.303), (2.301, 2.3)])
    chosen = chosen_from(table)
    assert (chosen["lr"].item(), chosen["flag"].item()) == (0.1, "none learned")
    assert chosen["val_accuracy"].item() == pytest.approx(0.085)
    # an extension made for another activation is no place to end up at
    extended = tuning(
        {"sigmoid": [(0.1, 0.1)] * 5},
        failed=["sigmoid"],
        rates=(0.00316, *RATES, 0.316),
        losses=[(2.303, 2.303)] * 5,
    )
    assert chosen_from(extended)["lr"].item() == 0.0316
    # the middle between two: the smaller
    assert chosen_from(extended, middle=0.0562)["lr"].item() == 0.0316


def test_sensitivity_counts_rates_within_a_point() -> None:
    assert chosen_from(tuning({"relu": [(0.795, 0.795), (0.8, 0.8), (0.78, 0.78)]}))["decades"].item() == 1.0


@pytest.mark.parametrize(("best", "end"), [(0, ("group", False)), (2, ("group", True))])
def test_a_best_rate_at_an_end_is_flagged_and_extends_the_grid_of_its_group(best: int, end: tuple[str, bool]) -> None:
    values = [(0.5, 0.5)] * 3
    values[best] = (0.9, 0.9)
    chosen = chosen_from(tuning({"relu": values, "tanh": [(0.5, 0.5), (0.9, 0.9), (0.5, 0.5)]}))
    assert chosen["flag"].tolist() == ["edge", ""]
    assert edges(chosen, {"relu": "group", "tanh": "group"}) == {end: RATES[best]}


def test_a_cell_that_learns_nowhere_extends_nothing() -> None:
    chosen = chosen_from(tuning({"sigmoid": [(0.12, 0.1), (0.1, 0.1), (0.1, 0.1)]}, failed=["sigmoid"]))
    assert chosen["flag"].item() == "none learned"
    assert edges(chosen, {"sigmoid": "group"}) == {}
