"""The runs of a tuning: the grid, its extensions, the candidates on fresh seeds; then results/<study>/lr.csv."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from hydra.plugins.launcher import Launcher

from whyrelu.config.grid import Run, compose_grid
from whyrelu.config.schema import TUNED
from whyrelu.errors import UserError
from whyrelu.results.columns import RUN_COLUMNS, TUNING_COLUMNS
from whyrelu.results.files import write_csv, write_table
from whyrelu.results.tables import runs_table
from whyrelu.runs.identity import tuning_cell
from whyrelu.runs.plan import one_study
from whyrelu.runs.store import RunStore
from whyrelu.runs.sweep import Follow, sweep
from whyrelu.tuning.rates import rate_at, rates_file, step_of
from whyrelu.tuning.selection import CONFIRM, GRID, best_of_grid, choose, score


def tune(overrides: Sequence[str], launcher: Launcher, follow: Follow) -> None:
    """Choose the learning rate of every cell of a grid, and write lr.csv and tuning.parquet to results/<study>/.

    Cells with a learning rate of their own (lr=0.05) are left alone. What was in the files is replaced: runs that are
    done cost nothing, so that tuning a larger grid trains what is new in it. The seeds of the grid are those of the
    study, which tuning does not use.
    """
    last = [] if "diagnostics=off" in overrides else ["diagnostics=summary"]
    runs = compose_grid(overrides, last=last)
    if used := {run.config["seed"] for run in runs} & set().union(*seeds_of(runs[0].config["tuning"])):
        raise UserError(f"seed={min(used)} is a tuning seed, and a study is not to be tuned on its own seeds")
    path = rates_file(one_study(run.config for run in runs))
    tuning = run_rounds(runs, lambda runs: tuning_table(sweep(runs, launcher, follow)))
    chosen = choose(tuning)
    write_table(tuning, path.with_name("tuning.parquet"))
    write_csv(chosen, path)
    flags = chosen.loc[chosen["flag"] != "", "flag"].value_counts()
    notes = "".join(f"; {count} flagged {flag!r}" for flag, count in flags.items())
    print(f"{len(chosen)} learning rates -> {path}{notes}")


def seeds_of(settings: Mapping[str, Any]) -> tuple[range, range]:
    """The seeds of the grid, and the fresh ones that count on after them."""
    first, fresh = settings["first_seed"], settings["first_seed"] + settings["seeds"]
    return range(first, fresh), range(fresh, fresh + settings["confirm_seeds"])


def run_rounds(of_study: Iterable[Run], train: Callable[[Sequence[Run]], pd.DataFrame]) -> pd.DataFrame:
    """Train the cells of lr=tuned on their grids, extended until no best rate is at an end, and then the candidates.

    `train` does what is not done of some runs, and returns all of them as rows of tuning.parquet.
    """
    cells = {tuning_cell(run.config): run for run in of_study if run.config["lr"] == TUNED}
    if not cells:
        print("nothing to tune: every learning rate is given (lr=tuned asks for tuning)")
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in (RUN_COLUMNS | TUNING_COLUMNS).items()})
    settings = next(iter(cells.values())).config["tuning"]
    seeds, fresh_seeds = seeds_of(settings)
    groups = {cell: _group(run.config) for cell, run in cells.items()}
    # a group has one optimizer, so its cells have one grid
    grids = {groups[cell]: set(grid_of(run.config)) for cell, run in cells.items()}
    widest = {groups[cell]: set(grid_of(run.config, settings["extensions"])) for cell, run in cells.items()}
    rates = sum(len(grids[group]) for group in groups.values())
    confirmed = sum(len(candidates(max(grids[group]), settings["rates"])) for group in groups.values())
    print(
        f"learning rates of {len(cells)} cells: {rates * len(seeds)} runs ({rates} rates x {len(seeds)} seeds), then "
        f"{confirmed * len(fresh_seeds)} ({confirmed} x {len(fresh_seeds)}) to confirm"
    )
    while True:
        pairs = [(run, rate) for cell, run in cells.items() for rate in sorted(grids[groups[cell]])]
        runs = [at_rate(run, rate, seed) for run, rate in pairs for seed in seeds]
        tuning = train(runs)
        best = best_of_grid(tuning)
        missing = set()
        for cell, rate in best.loc[best["learned"], "lr"].items():
            group, step = groups[str(cell)], step_of(rate)
            beside = {rate_at(step - 1), rate_at(step + 1)} & widest[group]
            missing |= {(group, rate) for rate in beside - grids[group]}
        if not missing:
            break
        for group, rate in missing:
            grids[group].add(rate)
        print(f"{len(missing)} rates more, because a best one was the last of its grid")
    pairs = [(run, rate) for cell, run in cells.items() for rate in candidates(best["lr"][cell], settings["rates"])]
    runs += [at_rate(run, rate, seed) for run, rate in pairs for seed in fresh_seeds]
    return train(runs) if fresh_seeds else tuning


def grid_of(config: Mapping[str, Any], extensions: int = 0) -> list[float]:
    """The rates of a cell: `tuning.rates`, or its optimizer's `lr_grid` in steps of sqrt(10), extended at each end."""
    if rates := config["tuning"]["rates"]:
        return sorted(set(rates))
    ends = config["optimizer"].get("lr_grid")
    is_pair = isinstance(ends, list) and len(ends) == 2
    if not (is_pair and all(isinstance(end, int | float) for end in ends) and 0 < ends[0] < ends[1] <= 1e30):
        raise UserError(
            f"tuning needs the ends of the grid of learning rates for optimizer={config['optimizer']['name']}, such as "
            f"'optimizer.lr_grid=[0.001,0.1]', not {ends!r}; or tuning.rates=[0.001,0.01]"
        )
    return [rate_at(step) for step in range(step_of(ends[0]) - extensions, step_of(ends[1]) + extensions + 1)]


def candidates(best: float, rates: Sequence[float] | None) -> list[float]:
    """The best rate and its two lower neighbours, ascending: of `rates`, or of the grid, which has no end there."""
    if rates is None:
        return [rate_at(step_of(best) - down) for down in (2, 1, 0)]
    return sorted({rate for rate in rates if rate <= best})[-3:]


def at_rate(run: Run, rate: float, seed: int) -> Run:
    """The run of the same cell at another rate, with another seed."""
    own = (f"lr={rate}", f"seed={seed}")
    label = " ".join(text for text in run.label.split(" ") if text.partition("=")[0] not in ("lr", "seed"))
    return replace(
        run,
        config={**run.config, "lr": rate, "seed": seed},
        overrides=(*run.overrides, *own),
        label=" ".join(filter(None, (label, *own))),
        given_lr=(f"{rate:.12g}",),
    )


def tuning_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Rows of tuning.parquet for runs that a sweep has done."""
    records, own = [], {}
    for run in runs:
        record = RunStore.of(run.config).record(run.run_id)
        assert record is not None
        records.append(record)
        stage = GRID if run.config["seed"] in seeds_of(run.config["tuning"])[0] else CONFIRM
        names = tuning_cell(run.config), _group(run.config), stage
        own[run.run_id] = (*names, score(record), record["metrics"]["val_loss"])
    table = runs_table(records)
    columns = pd.DataFrame([own[run_id] for run_id in table["run_id"]], columns=list(TUNING_COLUMNS))
    return table.join(columns.astype(TUNING_COLUMNS))


def _group(config: Mapping[str, Any]) -> str:
    """What a cell has in common with those it is compared with: all but the activation. 16 hex digits."""
    return tuning_cell({key: value for key, value in config.items() if key != "activation"})
