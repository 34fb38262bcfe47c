"""Which runs a tuning consists of, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest

from tiny_runs import TINY, InProcess
from whyrelu.config.grid import Run, compose, compose_grid
from whyrelu.errors import UserError
from whyrelu.runs.identity import tuning_cell
from whyrelu.tuning.rates import chosen_rates, with_tuned_rate
from whyrelu.tuning.rounds import _group, grid_of, run_rounds, tune, waiting_cells

GRID = ["study=mine", "lr=tuned", "activation=relu,sigmoid", "depth=2,4", "seed=0,1"]
Optima = dict[tuple[str, int], float]


@pytest.fixture(scope="module")
def cells() -> Mapping[str, Run]:
    return waiting_cells(compose_grid(GRID))


def rounds(cells: Mapping[str, Run], optima: Optima, extensions: int = 2) -> tuple[list[Sequence[Run]], pd.DataFrame]:
    """The runs of each round where accuracy falls with the distance from a best rate, and the rates by cell."""
    done: list[Sequence[Run]] = []

    def train(runs: Sequence[Run]) -> pd.DataFrame:
        done.append(runs)
        rows = []
        for run in runs:
            name, depth, lr = run.config["activation"]["name"], run.config["depth"], run.config["lr"]
            accuracy = 0.9 - 0.001 * abs(lr - optima[name, depth])
            rows.append((len(rows), tuning_cell(run.config), name, depth, lr, run.config["seed"], accuracy))
        columns = ["run_id", "cell", "activation", "depth", "lr", "seed", "val_accuracy"]
        return pd.DataFrame(rows, columns=columns).assign(status="completed", at_chance=False, val_loss=1.0)

    _, chosen = run_rounds(cells, range(10, 12), extensions, train)
    return done, chosen.set_index(["activation", "depth"])


def test_every_cell_has_the_same_budget_and_seeds(cells: Mapping[str, Run]) -> None:
    done, chosen = rounds(cells, dict.fromkeys([(a, d) for a in ("relu", "sigmoid") for d in (2, 4)], 0.1))
    points = {(r.config["activation"]["name"], r.config["depth"], r.config["lr"], r.config["seed"]) for r in done[0]}
    assert [len(runs) for runs in done] == [4 * 5 * 2] == [len(points)]
    assert {point[3] for point in points} == {10, 11}
    assert set(chosen["lr"]) == {0.1}
    assert set(chosen["flag"]) == {""}
    run = done[0][0]
    assert compose(run.overrides) == run.config, "a run is started by what is typed for it"


def test_a_grid_is_extended_for_all_activations_that_are_compared(cells: Mapping[str, Run]) -> None:
    optima = {("relu", 2): 0.1, ("sigmoid", 2): 3.16, ("relu", 4): 0.1, ("sigmoid", 4): 0.1}
    done, chosen = rounds(cells, optima)
    # one step more at depth 2 for both, and a second one to see that 3.16 is not at the end
    assert [len(runs) for runs in done] == [40, 44, 48]
    assert chosen.loc[("sigmoid", 2), ["lr", "highest", "flag"]].tolist() == [3.16, 10.0, ""]
    assert chosen.loc[("relu", 2), ["lr", "highest", "rates"]].tolist() == [0.1, 10.0, 7]
    assert chosen.loc[("relu", 4), ["highest", "rates"]].tolist() == [1.0, 5]


def test_extensions_end_and_say_so(cells: Mapping[str, Run]) -> None:
    optima = {("relu", 2): 1e-9, ("sigmoid", 2): 1e9, ("relu", 4): 0.1, ("sigmoid", 4): 0.1}
    done, chosen = rounds(cells, optima, extensions=1)
    assert len(done) == 2
    assert chosen.loc[("relu", 2), ["lowest", "highest", "flag"]].tolist() == [0.00316, 3.16, "edge"]
    assert chosen.loc[("sigmoid", 2), "flag"] == "edge"


def test_what_is_compared_differs_in_the_activation_only(cells: Mapping[str, Run]) -> None:
    groups = {(run.config["activation"]["name"], run.config["depth"]): _group(run.config) for run in cells.values()}
    assert groups["relu", 2] == groups["sigmoid", 2] != groups["relu", 4]
    slopes = waiting_cells(
        compose_grid([*GRID, "activation=leaky_relu", "activation.negative_slope=0.1,0.3", "depth=2"])
    )
    assert {_group(run.config) for run in slopes.values()} == {groups["relu", 2]} and len(slopes) == 2
    others = waiting_cells(compose_grid([*GRID, "init=he"])).values()
    assert not {_group(run.config) for run in others} & set(groups.values())


def test_cells_with_a_rate_of_their_own_are_left_alone() -> None:
    assert [len(waiting_cells(compose_grid([*GRID, lr]))) for lr in ("lr=0.05", "lr=tuned,0.05")] == [0, 4]


def test_grids_go_in_steps_of_half_a_decade() -> None:
    for overrides, rates in (
        ([], [0.01, 0.0316, 0.1, 0.316, 1.0]),
        (["optimizer=adam"], [0.000316, 0.001, 0.00316, 0.01, 0.0316]),
        (["optimizer.lr_grid=[0.1,1]"], [0.1, 0.316, 1.0]),
        (["~optimizer.lr_grid"], [0.00316, 0.01, 0.0316, 0.1, 0.316]),
    ):
        assert grid_of(compose(overrides)) == rates
    for ends in ("[1]", "[1,0.1]", "[0,1]", "fast"):
        with pytest.raises(UserError, match=r"optimizer\.lr_grid=\[0\.001,0\.1\]"):
            grid_of(compose([f"optimizer.lr_grid={ends}"]))


def test_tuning_writes_its_files_and_again_trains_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [*TINY, "study=mine", "lr=tuned", f"prepared_root={root}", "trainer.max_epochs=1"]
    settings += ["optimizer.lr_grid=[0.01,0.0316]", "tuning.seeds=2", "tuning.extensions=1"]
    grid = [*settings, "activation=relu,sigmoid"]
    launcher = InProcess()
    tune([*grid, "seed=0,1"], launcher, lambda *_: nullcontext())
    path = Path("results/mine/lr.csv")
    tuning = pd.read_parquet(path.with_name("tuning.parquet"))
    rates = pd.read_csv(path)
    assert rates["activation"].tolist() == ["relu", "sigmoid"]
    for _, row in rates.iterrows():
        own = tuning[tuning["cell"] == row["cell"]]
        assert row["val_accuracy"] == pytest.approx(own.groupby("lr")["val_accuracy"].mean()[row["lr"]], rel=1e-5)
        assert (own.groupby("lr")["seed"].nunique() == 2).all()
    assert set(tuning["seed"]) == {1_000_000, 1_000_001}
    assert with_tuned_rate(compose([*settings, "activation=sigmoid"]))["lr"] == rates["lr"][1]
    assert {record.parent.parent.name for record in Path("runs").glob("*/*/run.json")} == {"mine-tuning"}
    before = [file.read_bytes() for file in (path, path.with_name("tuning.parquet"))]
    again = InProcess()
    tune([*grid, "seed=0,1"], again, lambda *_: nullcontext())
    assert again.launched == []
    assert [file.read_bytes() for file in (path, path.with_name("tuning.parquet"))] == before
    with pytest.raises(UserError, match="seed=1000000 is a tuning seed"):
        tune([*grid, "seed=0,1000000"], again, lambda *_: nullcontext())
    tune([*grid, "lr=0.05"], again, lambda *_: nullcontext())
    assert (chosen_rates(path), len(pd.read_parquet(path.with_name("tuning.parquet"))), again.launched) == ({}, 0, [])
