"""The runs of a tuning: one grid for all cells, then its extensions, then results/<study>/lr.csv."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from hydra.plugins.launcher import Launcher

from whyrelu.config.grid import Run, compose_grid
from whyrelu.config.schema import TUNED
from whyrelu.errors import UserError
from whyrelu.results.columns import TUNING_COLUMNS
from whyrelu.results.files import write_csv, write_table
from whyrelu.results.tables import RUN_COLUMNS, TableBuilder
from whyrelu.runs.identity import tuning_cell
from whyrelu.runs.plan import one_study
from whyrelu.runs.store import RunStore
from whyrelu.runs.sweep import Follow, sweep
from whyrelu.tuning.rates import rate_at, rates_file, step_of
from whyrelu.tuning.selection import choose, edges


class Cell(NamedTuple):
    """A cell that waits for its rate, its group, and any run of it for its settings."""

    id: str
    group: str
    run: Run


def tune(overrides: Sequence[str], launcher: Launcher, follow: Follow) -> Path:
    """Choose the learning rate of every cell of a grid, and write lr.csv and tuning.parquet to results/<study>/.

    Cells with a learning rate of their own (lr=0.05) are left alone. What was in the files is replaced: runs that are
    done cost nothing, so that tuning a larger grid trains what is new in it. The seeds of the grid are those of the
    study, which tuning does not use. Gives the path of lr.csv.
    """
    last = [] if "diagnostics=off" in overrides else ["diagnostics=summary"]
    runs = compose_grid(overrides, last=last)
    settings = runs[0].config["tuning"]
    seeds = range(settings["first_seed"], settings["first_seed"] + settings["seeds"])
    if used := {run.config["seed"] for run in runs} & set(seeds):
        raise UserError(f"seed={min(used)} is a tuning seed, and a study is not to be tuned on its own seeds")
    path = rates_file(one_study(run.config for run in runs))
    cells = waiting_cells(runs)
    if not cells:
        print("nothing to tune: every learning rate is given (lr=tuned asks for tuning)")
    else:
        print(f"learning rates of {len(cells)} cells, {len(seeds)} seeds each from {seeds[0]}")
    tuning, chosen = run_rounds(
        cells, seeds, settings["extensions"], lambda runs: tuning_table(sweep(runs, launcher, follow))
    )
    write_table(tuning, path.with_name("tuning.parquet"))
    write_csv(chosen, path)
    flags = chosen.loc[chosen["flag"] != "", "flag"].value_counts()
    notes = "".join(f"; {count} flagged {flag!r}" for flag, count in flags.items())
    print(f"{len(chosen)} learning rates -> {path}{notes}")
    return path


def waiting_cells(runs: Iterable[Run]) -> list[Cell]:
    """The cells whose learning rate is "tuned", each once."""
    cells: dict[str, Cell] = {}
    for run in runs:
        if run.config["lr"] == TUNED:
            identity = tuning_cell(run.config)
            cells.setdefault(identity, Cell(identity, _group(run.config), run))
    return list(cells.values())


def run_rounds(
    cells: Sequence[Cell], seeds: Iterable[int], extensions: int, train: Callable[[Sequence[Run]], pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train all cells at all rates of their grid, and extend grids until no best rate is at an end.

    A grid gets at most `extensions` steps at each end. `train` does what is not done of some runs, which it returns as
    rows of tuning.parquet. Gives all of these, and the rows of lr.csv.
    """
    groups = {cell.id: cell.group for cell in cells}
    grids = {cell.id: grid_of(cell.run.config) for cell in cells}
    middles = {cell: math.sqrt(grid[0] * grid[-1]) for cell, grid in grids.items()}
    # a group has one optimizer, so its cells begin with one grid
    begun = {cell.group: grids[cell.id] for cell in cells}
    rates = {group: list(grid) for group, grid in begun.items()}
    nothing = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in (RUN_COLUMNS | TUNING_COLUMNS).items()})
    while True:
        runs = [at_rate(cell, rate, seed) for cell in cells for rate in rates[cell.group] for seed in seeds]
        tuning = train(runs) if runs else nothing
        chosen = choose(tuning, middles)
        added = []
        for (group, is_upper), rate in edges(chosen, groups).items():
            beyond = step_of(rate) - step_of(begun[group][-1]) if is_upper else step_of(begun[group][0]) - step_of(rate)
            if beyond < extensions:
                added.append((group, rate_at(step_of(rate) + (1 if is_upper else -1))))
        if not added:
            return tuning, chosen
        for group, rate in added:
            rates[group] = sorted([*rates[group], rate])
        further = sorted({rate for _, rate in added})
        print(
            f"best rates at the end of {len({group for group, _ in added})} of {len(rates)} grids, which are "
            f"extended to {', '.join(f'{rate:g}' for rate in further)}"
        )


def grid_of(config: Mapping[str, Any]) -> list[float]:
    """The rates that a cell begins with: from end to end of its optimizer's `lr_grid` in steps of sqrt(10).

    An optimizer without one has two steps to each side of its `default_lr`; one without both is a UserError.
    """
    optimizer = config["optimizer"]
    name, ends, default = optimizer["name"], optimizer.get("lr_grid"), optimizer.get("default_lr")
    if ends is None and default is not None:
        ends = [rate_at(step_of(default) - 2), rate_at(step_of(default) + 2)]
    is_pair = isinstance(ends, list) and len(ends) == 2
    if not (is_pair and all(isinstance(end, int | float) for end in ends) and 0 < ends[0] < ends[1] <= 1e30):
        raise UserError(
            f"tuning needs the ends of the grid of learning rates for optimizer={name}, such as "
            f"'optimizer.lr_grid=[0.001,0.1]', not {ends!r}"
        )
    return [rate_at(step) for step in range(step_of(ends[0]), step_of(ends[1]) + 1)]


def at_rate(cell: Cell, rate: float, seed: int) -> Run:
    """A run of a cell at one rate, with one seed."""
    own = (f"lr={rate}", f"seed={seed}")
    kept = tuple(text for text in cell.run.overrides if text.partition("=")[0] not in ("lr", "seed"))
    label = " ".join(text for text in cell.run.label.split(" ") if text.partition("=")[0] not in ("lr", "seed"))
    return replace(
        cell.run,
        config={**cell.run.config, "lr": rate, "seed": seed},
        overrides=(*kept, *own),
        label=" ".join(filter(None, (label, *own))),
        given_lr=(f"{rate:.12g}",),
    )


def tuning_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Rows of tuning.parquet for runs that a sweep has done."""
    builder, own = TableBuilder(), {}
    for run in runs:
        record = RunStore.of(run.config).record(run.run_id)
        assert record is not None
        builder.add(record)
        own[run.run_id] = (tuning_cell(run.config), _group(run.config), record["metrics"].get("val_loss"))
    table = builder.tables().runs
    columns = pd.DataFrame([own[run_id] for run_id in table["run_id"]], columns=list(TUNING_COLUMNS))
    return table.join(columns.astype(TUNING_COLUMNS))


def _group(config: Mapping[str, Any]) -> str:
    """What a cell has in common with those it is compared with: all but the activation. 16 hex digits."""
    return tuning_cell({key: value for key, value in config.items() if key != "activation"})
