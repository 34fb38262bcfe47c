"""The runs of a tuning: one grid for all cells, then its extensions, then the files."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from hydra.plugins.launcher import Launcher
from rich.console import Console

from whyrelu.configuration.composition import Job, compose_grid
from whyrelu.configuration.schema import TUNED
from whyrelu.errors import UserError
from whyrelu.launch.sweep import run_jobs
from whyrelu.results.columns import LR_COLUMNS
from whyrelu.results.files import write_csv, write_json, write_table
from whyrelu.results.tables import FACTORS, RUN_COLUMNS, TableBuilder
from whyrelu.runs.identity import factors, is_apart_from_cell, tuning_cell
from whyrelu.runs.plan import identify
from whyrelu.runs.store import RunStore
from whyrelu.tuning.rates import rate_at, rates_file, step_of
from whyrelu.tuning.selection import choose, edges

Do = Callable[[Sequence[Job]], object]


class Cell(NamedTuple):
    """A cell that waits for its rate.

    Attributes:
        id: of the cell.
        group: what it has in common with the cells it is compared with: all but the activation.
        job: any point of it, for its settings.
    """

    id: str
    group: Hashable
    job: Job


def tune(overrides: Sequence[str], launcher: Launcher, directory: Path) -> None:
    """Choose the learning rate of every cell of a grid, and write lr.csv and tuning.parquet to results/<study>/.

    The ids of the runs are noted in <prepared_root>/<study>-tuning.json.

    Cells with a learning rate of their own (lr=0.05) are left alone; rates of other cells that lr.csv has already stay.

    Args:
        overrides: the grid, as typed; its seeds are those of the study, which tuning does not use.
        launcher: Hydra's.
        directory: for the bookkeeping of sweeps.

    Raises:
        UserError: the grid cannot be composed, it has tuning seeds, or a run failed.
    """
    last = ["purpose=tuning", *(["diagnostics=summary"] if "diagnostics=off" not in overrides else [])]
    jobs = compose_grid(overrides, look_up=False, last=last)
    settings = jobs[0].config["tuning"]
    seeds = range(settings["first_seed"], settings["first_seed"] + settings["seeds"])
    if used := {job.config["seed"] for job in jobs} & set(seeds):
        raise UserError(f"seed={min(used)} is a tuning seed, and a study is not to be tuned on its own seeds")
    cells = waiting_cells(jobs)
    study = jobs[0].config["study"]
    results, note = rates_file(study), Path(jobs[0].config["prepared_root"]) / f"{study}-tuning.json"
    console = Console(highlight=False, soft_wrap=True)
    if not cells:
        console.print("nothing to tune: every learning rate is given (lr=tuned asks for tuning)")
        _write(empty_tuning(), pd.DataFrame(columns=["cell", *FACTORS, *LR_COLUMNS]), results)
        write_json([], note)
        return
    console.print(f"learning rates of {len(cells)} cells, {len(seeds)} seeds each from {seeds[0]}")
    store = RunStore(Path(jobs[0].config["run_root"]))
    tuning, chosen = run_rounds(
        cells,
        seeds,
        settings["extensions"],
        lambda waiting: run_jobs(waiting, launcher, directory),
        lambda done: tuning_table(done, store),
        console,
    )
    _write(tuning, chosen, results)
    # unlike the tables it is not committed: a fresh clone has no runs that its rates rest on, and DVC tunes there
    write_json(sorted(tuning["run_id"]), note)
    flagged = chosen[chosen["flag"] != ""]["flag"].value_counts()
    notes = "".join(f"; {count} flagged {flag!r}" for flag, count in flagged.items())
    console.print(f"{len(chosen)} learning rates -> {results}{notes}")


def waiting_cells(jobs: Iterable[Job]) -> list[Cell]:
    """The cells whose learning rate is "tuned", each once.

    Args:
        jobs: composed without looking rates up.
    """
    cells: dict[str, Cell] = {}
    for job in jobs:
        if job.config["lr"] == TUNED:
            identity = tuning_cell(job.config)
            cells.setdefault(identity, Cell(identity, _group(job.config), job))
    return list(cells.values())


def run_rounds(
    cells: Sequence[Cell],
    seeds: Iterable[int],
    extensions: int,
    run: Do,
    table: Callable[[Sequence[Job]], pd.DataFrame],
    console: Console,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train all cells at all rates of their grid, and extend grids until no best rate is at an end.

    Args:
        cells: that wait for a rate.
        seeds: of the runs, the same for all.
        extensions: steps at each end of a grid, at most.
        run: does what is not done of some points.
        table: the runs of some finished points, with their `cell`.
        console: to say where grids are extended.

    Returns:
        the runs, and what was chosen from them.
    """
    groups = {cell.id: cell.group for cell in cells}
    rates = {cell.group: list(grid_of(cell.job.config)) for cell in cells}
    steps: dict[tuple[Hashable, bool], int] = {}
    while True:
        jobs = [point(cell, rate, seed) for cell in cells for rate in rates[cell.group] for seed in seeds]
        run(jobs)
        tuning = table(jobs)
        chosen = choose(tuning)
        wanted = {end: rate for end, rate in edges(chosen, groups).items() if steps.get(end, 0) < extensions}
        if not wanted:
            return tuning, chosen
        for (group, is_upper), rate in wanted.items():
            further = rate_at(step_of(rate) + (1 if is_upper else -1))
            rates[group] = sorted([*rates[group], further])
            steps[group, is_upper] = steps.get((group, is_upper), 0) + 1
        added = sorted({rates[group][-1 if is_upper else 0] for group, is_upper in wanted})
        console.print(
            f"best rates at the end of {len({group for group, _ in wanted})} of {len(rates)} grids, which are "
            f"extended to {', '.join(f'{rate:g}' for rate in added)}"
        )


def grid_of(config: Mapping[str, Any]) -> list[float]:
    """The rates that a cell begins with: from end to end of its optimizer's `lr_grid` in steps of sqrt(10).

    An optimizer without one has two steps to each side of its `default_lr`.

    Raises:
        UserError: it has neither, or ends that are no rates.
    """
    optimizer = config["optimizer"]
    name, ends, default = optimizer["name"], optimizer.get("lr_grid"), optimizer.get("default_lr")
    if ends is None and default is not None:
        ends = [rate_at(step_of(default) - 2), rate_at(step_of(default) + 2)]
    is_pair = isinstance(ends, list) and len(ends) == 2
    if not (is_pair and all(isinstance(end, int | float) for end in ends) and 0 < ends[0] < ends[1]):
        raise UserError(
            f"tuning needs the ends of the grid of learning rates for optimizer={name}, such as "
            f"'optimizer.lr_grid=[0.001,0.1]', not {ends!r}"
        )
    return [rate_at(step) for step in range(step_of(ends[0]), step_of(ends[1]) + 1)]


def point(cell: Cell, rate: float, seed: int) -> Job:
    """A cell at one rate, with one seed."""
    texts = [text for text in cell.job.overrides if text.partition("=")[0] not in ("lr", "seed")]
    varied = [text for text in cell.job.varied if text.partition("=")[0] not in ("lr", "seed")]
    own = [f"lr={rate}", f"seed={seed}"]
    return Job([*texts, *own], [*varied, *own], cell.job.config | {"lr": rate, "seed": seed})


def tuning_table(jobs: Sequence[Job], store: RunStore) -> pd.DataFrame:
    """Rows as in runs.parquet of some finished points, and the column `cell`.

    Raises:
        UserError: one of them is not finished.
    """
    builder, cells = TableBuilder(), {}
    for run in identify(jobs):
        record = store.record(run.run_id)
        if record is None:
            raise UserError(f"run {run.run_id} ({run.label}) is not finished; the same command goes on")
        builder.add(record)
        cells[run.run_id] = tuning_cell(run.config)
    runs = builder.tables().runs
    return runs.assign(cell=runs["run_id"].map(cells).astype("str"))


def empty_tuning() -> pd.DataFrame:
    """tuning.parquet of a study in which nothing was tuned."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in (RUN_COLUMNS | {"cell": "str"}).items()})


def _write(tuning: pd.DataFrame, chosen: pd.DataFrame, path: Path) -> None:
    write_table(tuning, path.with_name("tuning.parquet"))
    others = _other_rates(path, set(chosen["cell"]))
    write_csv(pd.concat([chosen, others], ignore_index=True) if len(others) else chosen, path)


def _other_rates(path: Path, cells: set[str]) -> pd.DataFrame:
    """What lr.csv says of other cells, as it stands there."""
    try:
        found = pd.read_csv(path)
    except (OSError, ValueError):
        return pd.DataFrame()
    return found[~found["cell"].isin(cells)] if "cell" in found.columns else pd.DataFrame()


def _group(config: Mapping[str, Any]) -> str:
    told = {
        name: value
        for name, value in factors(config).items()
        if name.partition(".")[0] != "activation" and not is_apart_from_cell(name)
    }
    return json.dumps(told, sort_keys=True)
