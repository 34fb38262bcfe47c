"""Which runs a tuning consists of."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest
from rich.console import Console
from whyrelu.config.composition import compose_grid
from whyrelu.config.settings import Job
from whyrelu.tuning.table import group_of, tuning_rows

from synthetic import make_record
from whyrelu.errors import UserError
from whyrelu.runs.identity import tuning_cell
from whyrelu.tuning.rounds import grid_of, run_rounds, waiting_cells

GRID = ["experiment=digits", "activation=relu,sigmoid", "depth=2,4", "seed=0,1"]


def cells_of(*overrides: str) -> list:
    return waiting_cells(compose_grid([*GRID, *overrides], look_up=False))


def optimum_at(optima: dict[tuple[str, int], float]) -> tuple:
    """A `table` in which accuracy falls with the distance from the best rate of each activation and depth."""
    done: list[Sequence[Job]] = []

    def table(jobs: Sequence[Job]) -> pd.DataFrame:
        done.append(jobs)
        records, own = [], {}
        for job in jobs:
            name, depth, lr = job.config["activation"]["name"], job.config["depth"], job.config["lr"]
            record = make_record(name, depth, job.config["seed"], lr=lr, outcome="learned")
            record["metrics"]["val_accuracy"] = 0.9 - 0.001 * abs(lr - optima[name, depth])
            own[record["run_id"]] = {"cell": tuning_cell(job.config), "group": group_of(job.config)}
            records.append(record)
        return tuning_rows(records, own)

    return done, table


def rounds(
    optima: dict[tuple[str, int], float], extensions: int = 2, tried: dict[str, set[float]] | None = None
) -> tuple[list, pd.DataFrame]:
    done, table = optimum_at(optima)
    launched: list[int] = []
    tuned = run_rounds(
        cells_of(),
        range(10, 12),
        extensions,
        lambda jobs: launched.append(len(jobs)),
        table,
        Console(quiet=True),
        tried,
    )
    assert launched == [len(jobs) for jobs in done]
    return done, tuned.rates


def test_every_cell_has_the_same_budget_and_seeds() -> None:
    done, chosen = rounds(dict.fromkeys([(a, d) for a in ("relu", "sigmoid") for d in (2, 4)], 0.1))
    assert [len(jobs) for jobs in done] == [4 * 5 * 2]
    points = {(j.config["activation"]["name"], j.config["depth"], j.config["lr"], j.config["seed"]) for j in done[0]}
    assert len(points) == 40
    assert {point[3] for point in points} == {10, 11}
    assert set(chosen["lr"]) == {0.1}
    assert set(chosen["flag"]) == {""}


def test_a_grid_is_extended_for_all_activations_that_are_compared() -> None:
    optima = {("relu", 2): 0.1, ("sigmoid", 2): 3.16, ("relu", 4): 0.1, ("sigmoid", 4): 0.1}
    done, chosen = rounds(optima)
    # one step more at depth 2 for both, and a second one to see that 3.16 is not at the end
    assert [len(jobs) for jobs in done] == [40, 44, 48]
    tried = chosen.set_index(["activation", "depth"])
    assert tried.loc[("sigmoid", 2), ["lr", "highest", "flag"]].tolist() == [3.16, 10.0, ""]
    assert tried.loc[("relu", 2), ["lr", "highest", "rates"]].tolist() == [0.1, 10.0, 7]
    assert tried.loc[("relu", 4), ["highest", "rates"]].tolist() == [1.0, 5]


def test_extensions_end_and_say_so() -> None:
    optima = {("relu", 2): 1e-9, ("sigmoid", 2): 1e9, ("relu", 4): 0.1, ("sigmoid", 4): 0.1}
    done, chosen = rounds(optima, extensions=1)
    assert len(done) == 2
    tried = chosen.set_index(["activation", "depth"])
    assert tried.loc[("relu", 2), ["lowest", "highest", "flag"]].tolist() == [0.00316, 3.16, "edge"]
    assert tried.loc[("sigmoid", 2), "flag"] == "edge"


def test_cells_that_are_added_try_what_those_they_are_compared_with_tried() -> None:
    optima = {("relu", 2): 3.16, ("sigmoid", 2): 0.1, ("relu", 4): 3.16, ("sigmoid", 4): 0.1}
    group = next(cell.group for cell in cells_of() if cell.job.config["depth"] == 4)
    done, chosen = rounds(optima, extensions=1, tried={group: {0.1, 3.16}, "of another optimizer": {1e-5}})
    # at depth 4 the grid is as far extended as it may be from the start
    assert [len(jobs) for jobs in done] == [4 * 5 * 2 + 2 * 2, 4 * 6 * 2]
    tried = chosen.set_index(["activation", "depth"])
    assert tried.loc[("relu", 4), ["lowest", "highest", "flag"]].tolist() == [0.01, 3.16, "edge"]
    assert tried.loc[("sigmoid", 4), ["lowest", "highest", "flag"]].tolist() == [0.01, 3.16, ""]


def test_what_is_compared_differs_in_the_activation_only() -> None:
    groups = {(c.job.config["activation"]["name"], c.job.config["depth"]): c.group for c in cells_of()}
    assert groups["relu", 2] == groups["sigmoid", 2] != groups["relu", 4]
    slopes = cells_of("activation=leaky_relu", "activation.negative_slope=0.1,0.3", "depth=2", "seed=5")
    assert {cell.group for cell in slopes} == {groups["relu", 2]} and len(slopes) == 2
    assert not {cell.group for cell in cells_of("init=he")} & set(groups.values())


def test_cells_with_a_rate_of_their_own_are_left_alone() -> None:
    assert cells_of("lr=0.05") == []
    assert len(cells_of("lr=tuned,0.05")) == 4
    assert len(cells_of("optimizer=sgd,adam")) == 8


@pytest.mark.parametrize(
    ("overrides", "rates"),
    [
        ([], [0.01, 0.0316, 0.1, 0.316, 1.0]),
        (["optimizer=adam"], [0.000316, 0.001, 0.00316, 0.01, 0.0316]),
        (["optimizer.lr_grid=[0.1,1]"], [0.1, 0.316, 1.0]),
        (["~optimizer.lr_grid"], [0.00316, 0.01, 0.0316, 0.1, 0.316]),
    ],
)
def test_grids_go_in_steps_of_half_a_decade(overrides: list[str], rates: list[float]) -> None:
    assert grid_of(cells_of(*overrides)[0].job.config) == rates


@pytest.mark.parametrize("ends", ["[1]", "[1,0.1]", "[0,1]", "fast"])
def test_a_grid_that_is_none_is_told(ends: str) -> None:
    with pytest.raises(UserError, match=r"optimizer\.lr_grid=\[0\.001,0\.1\]"):
        grid_of(cells_of(f"optimizer.lr_grid={ends}")[0].job.config)
