"""What is said when cells were not given the same chance."""

from __future__ import annotations

import pandas as pd

from whyrelu.tuning.words import unequal_sentences


def tuning(*cells: tuple[str, int, list[float], int]) -> pd.DataFrame:
    """Runs of cells: activation, depth, rates, seeds of each."""
    rows = [
        (f"{activation}{depth}", f"depth {depth}", activation, depth, rate, seed)
        for activation, depth, rates, seeds in cells
        for rate in rates
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["cell", "group", "activation", "depth", "lr", "seed"])


def test_equal_budgets_need_no_words() -> None:
    table = tuning(("relu", 4, [0.1, 1.0], 2), ("gelu", 4, [0.1, 1.0], 2), ("relu", 8, [0.1], 3))
    assert unequal_sentences(table, {"depth 4", "depth 8"}) == []


def test_cells_that_lack_rates_or_seeds_are_named_with_the_command_that_helps() -> None:
    table = tuning(
        ("relu", 4, [0.1, 1.0], 2), ("tanh", 4, [0.1, 1.0], 2), ("gelu", 4, [0.1, 1.0, 3.16], 3), ("relu", 8, [9.0], 1)
    )
    assert unequal_sentences(table, {"depth 4"}) == [
        "not tried at 3.16, as others they are compared with were: relu depth=4, tanh depth=4",
        "tuned with 2 seeds where others had 3: relu depth=4, tanh depth=4",
        "the same command with activation=relu,tanh,gelu tunes all alike, which may change the rates of those named",
    ]
    assert unequal_sentences(table, {"depth 8"}) == []


def test_many_cells_are_counted() -> None:
    names = [f"a{i}" for i in range(9)]
    table = tuning(*((name, 4, [0.1], 1) for name in names), ("gelu", 4, [0.1, 0.2], 1))
    assert unequal_sentences(table, {"depth 4"})[0].endswith("a4 depth=4, a5 depth=4 and 3 more")
