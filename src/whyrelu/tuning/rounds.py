"""The runs of a tuning: one grid for all cells, then its extensions, then results/<study>/lr.csv."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

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
from whyrelu.tuning.selection import EDGE, choose


def tune(overrides: Sequence[str], launcher: Launcher, follow: Follow) -> None:
    """Choose the learning rate of every cell of a grid, and write lr.csv and tuning.parquet to results/<study>/.

    Cells with a learning rate of their own (lr=0.05) are left alone. What was in the files is replaced: runs that are
    done cost nothing, so that tuning a larger grid trains what is new in it. The seeds of the grid are those of the
    study, which tuning does not use.
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


def waiting_cells(runs: Iterable[Run]) -> dict[str, Run]:
    """A run of every cell whose learning rate is "tuned", by the id of the cell."""
    cells: dict[str, Run] = {}
    for run in runs:
        if run.config["lr"] == TUNED:
            cells.setdefault(tuning_cell(run.config), run)
    return cells


def run_rounds(
    cells: Mapping[str, Run], seeds: Iterable[int], extensions: int, train: Callable[[Sequence[Run]], pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train all cells at all rates of their grid, and extend grids until no best rate is at an end.

    A grid gets at most `extensions` steps at each end. `train` does what is not done of some runs, which it returns as
    rows of tuning.parquet. Gives all of these, and the rows of lr.csv.
    """
    groups = {cell: _group(run.config) for cell, run in cells.items()}
    grids = {cell: grid_of(run.config) for cell, run in cells.items()}
    middles = {cell: math.sqrt(grid[0] * grid[-1]) for cell, grid in grids.items()}
    # a group has one optimizer, so its cells begin with one grid
    begun = {groups[cell]: grid for cell, grid in grids.items()}
    rates = {group: list(grid) for group, grid in begun.items()}
    nothing = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in (RUN_COLUMNS | TUNING_COLUMNS).items()})
    while True:
        runs = [at_rate(cells[cell], rate, seed) for cell in cells for rate in rates[groups[cell]] for seed in seeds]
        tuning = train(runs) if runs else nothing
        chosen = choose(tuning, middles)
        added = set()
        at_end = chosen.loc[chosen["flag"] == EDGE, ["cell", "lr", "highest"]]
        for cell, rate, highest in at_end.itertuples(index=False):
            group, step = groups[cell], step_of(rate) + (1 if rate == highest else -1)
            first, last = begun[group][0], begun[group][-1]
            if step_of(first) - extensions <= step <= step_of(last) + extensions:
                added.add((group, rate_at(step)))
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


def at_rate(run: Run, rate: float, seed: int) -> Run:
    """The run of the same cell at another rate, with another seed."""
    own = (f"lr={rate}", f"seed={seed}")
    kept = tuple(text for text in run.overrides if text.partition("=")[0] not in ("lr", "seed"))
    label = " ".join(text for text in run.label.split(" ") if text.partition("=")[0] not in ("lr", "seed"))
    return replace(
        run,
        config={**run.config, "lr": rate, "seed": seed},
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
