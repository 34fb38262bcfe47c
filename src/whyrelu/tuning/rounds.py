"""The runs of a tuning: one grid for all cells, then its extensions, then the files."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from hydra.plugins.launcher import Launcher
from rich.console import Console

from whyrelu.config.composition import compose_grid
from whyrelu.config.schema import LARGEST, TUNED
from whyrelu.config.settings import Job
from whyrelu.errors import UserError
from whyrelu.launch.sweep import run_jobs
from whyrelu.results.files import write_json
from whyrelu.runs.identity import tuning_cell
from whyrelu.runs.store import RunStore
from whyrelu.tuning.rates import rate_at, rates_file, step_of
from whyrelu.tuning.selection import choose, edges
from whyrelu.tuning.table import (
    Tuned,
    group_of,
    nothing_tuned,
    read_tuned,
    together,
    tuning_table,
    without,
    write_tuned,
)
from whyrelu.tuning.words import unequal_sentences

Do = Callable[[Sequence[Job]], object]


class Cell(NamedTuple):
    """A cell that waits for its rate.

    Attributes:
        id: of the cell.
        group: what it has in common with the cells it is compared with: all but the activation.
        job: any point of it, for its settings.
    """

    id: str
    group: str
    job: Job


def tune(overrides: Sequence[str], launcher: Launcher, directory: Path) -> None:
    """Choose the learning rate of every cell of a grid, and write lr.csv and tuning.parquet to results/<study>/.

    The ids of the runs are noted in <prepared_root>/<study>-tuning.json.

    Cells with a learning rate of their own (lr=0.05) are left alone. What the files have of cells that are not in the
    grid stays as it is; in the pipeline they have nothing, as DVC removes the outputs of a stage before it runs. A cell
    that is added tries the rates of those cells too that it is compared with; if its best one is beyond them, it is
    said which cells did not try it.

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
    others = without(_read_earlier(results, console), {cell.id for cell in cells})
    if cells:
        console.print(f"learning rates of {len(cells)} cells, {len(seeds)} seeds each from {seeds[0]}")
        store = RunStore(Path(jobs[0].config["run_root"]))
        new = run_rounds(
            cells,
            seeds,
            settings["extensions"],
            lambda waiting: run_jobs(waiting, launcher, directory),
            lambda done: tuning_table(done, store),
            console,
            {str(group): set(runs["lr"]) for group, runs in others.runs.groupby("group")},
        )
    else:
        console.print("nothing to tune: every learning rate is given (lr=tuned asks for tuning)")
        new = nothing_tuned()
    # read again: another tuning may have ended meanwhile
    tuned = together(_read_earlier(results, Console(quiet=True)), new)
    write_tuned(tuned, results)
    # unlike the tables it is not committed: a fresh clone has no runs that its rates rest on, and DVC tunes there
    write_json(sorted(tuned.runs["run_id"]), note)
    flagged = new.rates[new.rates["flag"] != ""]["flag"].value_counts()
    notes = "".join(f"; {count} flagged {flag!r}" for flag, count in flagged.items())
    kept = f"; {len(others.rates)} of other cells stay" if len(others.rates) else ""
    console.print(f"{len(new.rates)} learning rates -> {results}{notes}{kept}")
    for sentence in unequal_sentences(tuned.runs, {cell.group for cell in cells}):
        console.print(sentence)


def waiting_cells(jobs: Iterable[Job]) -> list[Cell]:
    """The cells whose learning rate is "tuned", each once.

    Args:
        jobs: composed without looking rates up.
    """
    cells: dict[str, Cell] = {}
    for job in jobs:
        if job.config["lr"] == TUNED:
            identity = tuning_cell(job.config)
            cells.setdefault(identity, Cell(identity, group_of(job.config), job))
    return list(cells.values())


def run_rounds(
    cells: Sequence[Cell],
    seeds: Iterable[int],
    extensions: int,
    run: Do,
    table: Callable[[Sequence[Job]], pd.DataFrame],
    console: Console,
    tried: Mapping[str, Collection[float]] | None = None,
) -> Tuned:
    """Train all cells at all rates of their grid, and extend grids until no best rate is at an end.

    Args:
        cells: that wait for a rate.
        seeds: of the runs, the same for all.
        extensions: steps at each end of a grid, at most.
        run: does what is not done of some points.
        table: the runs of some finished points, as rows of tuning.parquet.
        console: to say where grids are extended.
        tried: rates that further cells of a group were tried at before, by group: its grid has them from the start.

    Returns:
        the runs, and what was chosen from them.
    """
    groups = {cell.id: cell.group for cell in cells}
    grids = {cell.id: grid_of(cell.job.config) for cell in cells}
    middles = {cell: math.sqrt(grid[0] * grid[-1]) for cell, grid in grids.items()}
    # a group has one optimizer, so its cells begin with one grid
    begun = {cell.group: grids[cell.id] for cell in cells}
    rates = {group: sorted({*grid, *(tried or {}).get(group, ())}) for group, grid in begun.items()}
    while True:
        jobs = [point(cell, rate, seed) for cell in cells for rate in rates[cell.group] for seed in seeds]
        run(jobs)
        tuning = table(jobs)
        chosen = choose(tuning, middles)
        added = []
        for (group, is_upper), rate in edges(chosen, groups).items():
            beyond = step_of(rate) - step_of(begun[group][-1]) if is_upper else step_of(begun[group][0]) - step_of(rate)
            if beyond < extensions:
                added.append((group, rate_at(step_of(rate) + (1 if is_upper else -1))))
        if not added:
            return Tuned(tuning, chosen)
        for group, rate in added:
            rates[group] = sorted([*rates[group], rate])
        further = sorted({rate for _, rate in added})
        console.print(
            f"best rates at the end of {len({group for group, _ in added})} of {len(rates)} grids, which are "
            f"extended to {', '.join(f'{rate:g}' for rate in further)}"
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
    if not (is_pair and all(isinstance(end, int | float) for end in ends) and 0 < ends[0] < ends[1] <= LARGEST["lr"]):
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
    return Job([*texts, *own], [*varied, *own], cell.job.settings.changed(lr=rate, seed=seed))


def _read_earlier(path: Path, console: Console) -> Tuned:
    """What the files have; nothing, and a warning, if they cannot be added to."""
    try:
        return read_tuned(path)
    except UserError as error:
        console.print(f"warning: {error}; other cells than those of this grid are left out of it")
        return nothing_tuned()
