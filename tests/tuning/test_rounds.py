"""Which runs a tuning consists of, and what comes of it."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest

from tiny_runs import TINY, InProcess
from whyrelu.config.grid import Run, compose, compose_grid
from whyrelu.errors import UserError
from whyrelu.runs.identity import tuning_cell
from whyrelu.tuning.rates import chosen_rates, with_tuned_rate
from whyrelu.tuning.rounds import grid_of, run_rounds, seeds_of, tune
from whyrelu.tuning.selection import choose

GRID = ["study=mine", "lr=tuned", "activation=relu,sigmoid", "depth=2,4", "seed=0,1"]
Optima = dict[tuple[str, int], float]
ALL_AT_A_TENTH: Optima = {(name, depth): 0.1 for name in ("relu", "sigmoid") for depth in (2, 4)}


def rounds(optima: Optima, *overrides: str) -> tuple[list[Sequence[Run]], pd.DataFrame]:
    """The runs of each round where accuracy falls with the distance from a best rate, and the rates by cell."""
    done: list[Sequence[Run]] = []

    def train(runs: Sequence[Run]) -> pd.DataFrame:
        done.append(list(runs))
        rows = []
        for run in runs:
            name, depth, lr = run.config["activation"]["name"], run.config["depth"], run.config["lr"]
            stage = "grid" if run.config["seed"] in seeds_of(run.config["tuning"])[0] else "confirm"
            score = 0.9 - 0.001 * abs(lr - optima[name, depth])
            rows.append((len(rows), tuning_cell(run.config), name, depth, lr, run.config["seed"], stage, score))
        columns = ["run_id", "cell", "activation", "depth", "lr", "seed", "stage", "score"]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(outcome="learned", val_accuracy=table["score"], val_loss=1.0)

    tuning = run_rounds(compose_grid([*GRID, *overrides]), train)
    return done, choose(tuning).set_index(["activation", "depth"])


def points(runs: Sequence[Run]) -> set[tuple[str, int, float, int]]:
    return {(r.config["activation"]["name"], r.config["depth"], r.config["lr"], r.config["seed"]) for r in runs}


def test_every_cell_has_the_same_budget_and_seeds() -> None:
    done, chosen = rounds(ALL_AT_A_TENTH)
    grid, confirmed = points(done[0]), points(done[1]) - points(done[0])
    assert [len(runs) for runs in done] == [4 * 5 * 2, 4 * 5 * 2 + 4 * 3 * 4] == [len(grid), len(grid | confirmed)]
    assert {point[3] for point in grid} == {1_000_000, 1_000_001}
    assert {point[3] for point in confirmed} == {1_000_002, 1_000_003, 1_000_004, 1_000_005}
    assert {point[2] for point in confirmed} == {0.01, 0.0316, 0.1}
    assert chosen[["lr", "n", "flag"]].drop_duplicates().to_numpy().tolist() == [[0.1, 4, ""]]
    assert compose(done[1][-1].overrides) == done[1][-1].config, "a run is started by what is typed for it"


def test_a_grid_is_extended_for_all_activations_that_are_compared() -> None:
    done, chosen = rounds({**ALL_AT_A_TENTH, ("sigmoid", 2): 3.16}, "tuning.confirm_seeds=0")
    # one step more at depth 2 for both, and a second one to see that 3.16 is not at the end
    assert [len(runs) for runs in done] == [40, 44, 48]
    assert chosen.loc[("sigmoid", 2), ["lr", "highest", "flag"]].tolist() == [3.16, 10.0, ""]
    assert chosen.loc[("relu", 2), ["lr", "highest", "rates"]].tolist() == [0.1, 10.0, 7]
    assert chosen.loc[("relu", 4), ["highest", "rates"]].tolist() == [1.0, 5]


def test_extensions_end_and_say_so() -> None:
    optima = {**ALL_AT_A_TENTH, ("relu", 2): 1e-9, ("sigmoid", 2): 1e9}
    done, chosen = rounds(optima, "tuning.extensions=1", "tuning.confirm_seeds=0")
    assert len(done) == 2
    assert chosen.loc[("relu", 2), ["lowest", "highest", "flag"]].tolist() == [0.00316, 3.16, "edge"]
    assert chosen.loc[("sigmoid", 2), "flag"] == "edge"


def test_given_rates_replace_the_grid() -> None:
    done, chosen = rounds({**ALL_AT_A_TENTH, ("relu", 2): 1e9}, "tuning.rates=[0.316,0.01,0.0562]")
    # the best and its two lower neighbours again, or as many as there are
    assert [len(runs) for runs in done] == [4 * 3 * 2, 4 * 3 * 2 + (3 + 3 * 2) * 4]
    assert chosen.loc[("relu", 2), ["lr", "rates", "flag"]].tolist() == [0.316, 3, "edge"]
    assert chosen.loc[("relu", 4), ["lr", "rates", "flag"]].tolist() == [0.0562, 3, ""]


def test_cells_with_a_rate_of_their_own_are_left_alone() -> None:
    assert rounds(ALL_AT_A_TENTH, "lr=0.05")[0] == []
    assert len(rounds(ALL_AT_A_TENTH, "lr=tuned,0.05")[1]) == 4


def test_grids_go_in_steps_of_half_a_decade() -> None:
    for overrides, rates in (
        ([], [0.01, 0.0316, 0.1, 0.316, 1.0]),
        (["optimizer=adam"], [0.000316, 0.001, 0.00316, 0.01, 0.0316]),
        (["optimizer.lr_grid=[0.1,1]"], [0.1, 0.316, 1.0]),
    ):
        assert grid_of(compose(overrides)) == rates
    for ends in ("[1]", "[1,0.1]", "[0,1]", "fast", "null"):
        with pytest.raises(UserError, match=r"optimizer\.lr_grid=\[0\.001,0\.1\]"):
            grid_of(compose([f"optimizer.lr_grid={ends}"]))


def test_tuning_writes_its_files_and_again_trains_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [*TINY, "study=mine", "lr=tuned", f"prepared_root={root}", "trainer.max_epochs=1"]
    settings += ["optimizer.lr_grid=[0.01,0.0316]", "tuning.confirm_seeds=2", "tuning.extensions=1"]
    grid = [*settings, "activation=relu,sigmoid"]
    launcher = InProcess()
    tune([*grid, "seed=0,1"], launcher, lambda *_: nullcontext())
    path = Path("results/mine/lr.csv")
    tuning = pd.read_parquet(path.with_name("tuning.parquet"))
    rates = pd.read_csv(path)
    assert rates["activation"].tolist() == ["relu", "sigmoid"]
    for _, row in rates.iterrows():
        own = tuning[(tuning["cell"] == row["cell"]) & (tuning["stage"] == "confirm") & (tuning["lr"] == row["lr"])]
        assert own["seed"].tolist() == [1_000_002, 1_000_003]
        assert row["val_accuracy"] == pytest.approx(own["val_accuracy"].mean(), rel=1e-5)
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
