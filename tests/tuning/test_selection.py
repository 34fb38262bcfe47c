"""Which rate is chosen, and where a grid has to be extended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pytest

from whyrelu.tuning.selection import choose

RATES = (0.01, 0.0316, 0.1)
Pairs = Sequence[Sequence[float | None]]


def tuning(
    accuracies: Mapping[str, Pairs], failed: bool = False, rates: Sequence[float] = RATES, losses: Pairs | None = None
) -> pd.DataFrame:
    """Activations with the validation accuracies of two seeds at every rate; without a loss, a run diverged."""
    rows = []
    for activation, by_rate in accuracies.items():
        for rate, values, by_seed in zip(rates, by_rate, losses or [(1.0, 1.0)] * len(rates), strict=True):
            for seed, (value, loss) in enumerate(zip(values, by_seed, strict=True)):
                status = "completed" if loss is not None else "diverged"
                chance = None if loss is None else failed
                rows.append((f"{activation}{rate}{seed}", activation, 2, seed, rate, status, chance, value, loss))
    columns = ["run_id", "activation", "depth", "seed", "lr", "status", "at_chance", "val_accuracy", "val_loss"]
    kinds = {"at_chance": "boolean", "val_accuracy": "float64", "val_loss": "float64"}
    table = pd.DataFrame(rows, columns=columns).astype(kinds)
    return table.assign(cell=table["activation"], group="all")


def chosen_from(table: pd.DataFrame, middle: float = RATES[1]) -> pd.DataFrame:
    return choose(table, dict.fromkeys(table["cell"], middle))


def test_the_best_mean_is_chosen() -> None:
    # the highest single run is at the last rate, the highest mean in the middle
    chosen = chosen_from(tuning({"relu": [(0.5, 0.5), (0.8, 0.8), (0.95, 0.3)]})).iloc[0]
    assert (chosen["lr"], chosen["val_accuracy"], chosen["n"]) == (0.0316, 0.8, 2)
    assert (chosen["rates"], chosen["lowest"], chosen["highest"], chosen["flag"]) == (3, 0.01, 0.1, "")
    assert (chosen["activation"], chosen["depth"]) == ("relu", 2)
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
def test_between_rates_of_the_same_accuracy_the_loss_decides_and_then_the_middle(losses: Pairs, rate: float) -> None:
    assert sum((0.1, 0.7)) != sum((0.3, 0.5))
    table = tuning({"relu": [(0.1, 0.7), (0.3, 0.5), (0.2, 0.2)]}, losses=losses)
    assert chosen_from(table)["lr"].item() == rate


def test_a_better_accuracy_goes_before_any_loss() -> None:
    table = tuning({"relu": [(0.8, 0.8), (0.79, 0.8), (0.2, 0.2)]}, losses=[(2.0, 2.0), (0.1, 0.1), (0.1, 0.1)])
    assert chosen_from(table)["lr"].item() == 0.01


def test_where_no_rate_learned_the_loss_decides_not_the_accuracy_of_guessing() -> None:
    accuracies = {"sigmoid": [(0.12, 0.11), (0.1, 0.1), (0.08, 0.09)]}
    table = tuning(accuracies, failed=True, losses=[(2.304, 2.304), (2.303, 2.303), (2.301, 2.3)])
    chosen = chosen_from(table)
    assert (chosen["lr"].item(), chosen["flag"].item()) == (0.1, "none learned")
    assert chosen["val_accuracy"].item() == pytest.approx(0.085)
    # an extension made for another activation is no place to end up at
    rates = (0.00316, *RATES, 0.316)
    extended = tuning({"sigmoid": [(0.1, 0.1)] * 5}, failed=True, rates=rates, losses=[(2.303, 2.303)] * 5)
    assert chosen_from(extended)["lr"].item() == 0.0316
    # the middle between two: the smaller
    assert chosen_from(extended, middle=0.0562)["lr"].item() == 0.0316


def test_sensitivity_counts_rates_within_a_point() -> None:
    assert chosen_from(tuning({"relu": [(0.795, 0.795), (0.8, 0.8), (0.78, 0.78)]}))["decades"].item() == 1.0


@pytest.mark.parametrize("best", [0, 2])
def test_a_best_rate_at_an_end_is_flagged(best: int) -> None:
    values = [(0.5, 0.5)] * 3
    values[best] = (0.9, 0.9)
    chosen = chosen_from(tuning({"relu": values, "tanh": [(0.5, 0.5), (0.9, 0.9), (0.5, 0.5)]}))
    assert chosen["flag"].tolist() == ["edge", ""]
