"""Training runs of a study once more, apart from its run store, and comparing them with its tables bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from whyrelu.config.grid import Run
from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.columns import LAYER_COLUMNS, SPECTRA_COLUMNS
from whyrelu.results.files import read_part, read_table
from whyrelu.results.given_rates import trained_id
from whyrelu.results.inside import InsideBuilder
from whyrelu.results.tables import HISTORY_COLUMNS, RUN_COLUMNS, build_tables
from whyrelu.runs.execute import execute
from whyrelu.runs.identity import TRAINING_VERSION
from whyrelu.runs.plan import identify, prepare_data
from whyrelu.runs.store import RunStore
from whyrelu.tuning.rates import compose_tuned_grid

OnRun = Callable[[Run, list[str]], None]


def reproduce(results: Path, names: Sequence[str], count: int, run_root: Path, on_run: OnRun) -> list[str]:
    """Train runs of a study again and compare each with what the tables of the study say of it.

    Args:
        results: results/<study>, with runs.parquet, history.parquet, layers.parquet, spectra.parquet, provenance.json.
        names: ids of the runs, or their beginnings; where there are none, `count` runs evenly spread over the study.
        count: at least 1.
        run_root: a run store without these runs.
        on_run: called with each run and what differs.

    Returns:
        what differs of all of them, in words; nothing if they are identical.

    Raises:
        UserError: a name is of no run, or of several; the study is of other code, data or learning rates than are here.
    """
    if count < 1:
        raise UserError(f"runs must be at least 1, not {count}")
    ids = [str(run_id) for run_id in read_table(results / "runs.parquet", RUN_COLUMNS)["run_id"]]
    known = list(dict.fromkeys(trained_id(run_id) for run_id in ids))
    chosen = [_named(name, known, results) for name in names] if names else _spread(known, count)
    _check_code(results)
    planned = _planned(results)
    found = []
    for run_id in dict.fromkeys(chosen):
        if run_id not in planned:
            raise UserError(f"run {run_id} of {results} is not what its settings, data and learning rates mean here")
        differences = _differences(results, planned[run_id], run_root)
        on_run(planned[run_id], differences)
        found += [f"{run_id}: {difference}" for difference in differences]
    return found


def _named(name: str, known: Sequence[str], results: Path) -> str:
    matches = [run_id for run_id in known if run_id.startswith(name)]
    if len(matches) != 1:
        what = f"of {len(matches)} runs" if matches else "of no run"
        raise UserError(f"{name} is the beginning {what} in {results / 'runs.parquet'}, such as {known[0]}")
    return matches[0]


def _spread(known: Sequence[str], count: int) -> list[str]:
    """So many runs, the first and the last among them if there are two or more."""
    return [known[round(place)] for place in np.linspace(0, len(known) - 1, min(count, len(known)))]


def _planned(results: Path) -> dict[str, Run]:
    """The runs that the settings of the study mean today, by their ids."""
    runs = compose_tuned_grid(read_json(results / "provenance.json")["overrides"])
    prepare_data(run.config for run in runs)
    return {run.run_id: run for run in identify(runs)}


def _check_code(results: Path) -> None:
    of_study = read_json(results / "provenance.json")["code_version"]
    if TRAINING_VERSION not in of_study:
        raise UserError(
            f"{results} is of another training code, version {' and '.join(of_study)}; this is {TRAINING_VERSION}: "
            f"git log -1 -- {results} names the commit to check out"
        )


def _differences(results: Path, run: Run, run_root: Path) -> list[str]:
    """What the tables of the study and one of this run alone do not have in common."""
    config = {**run.config, "run_root": str(run_root)}
    record, _ = execute(config, run.run_id)
    assert record is not None
    if record["status"] == "failed":
        return [f"it fails here: {record['error']}"]
    tables, inside, store = build_tables([record]), InsideBuilder(), RunStore.of(config)
    inside.add(record)
    layers = pd.concat(list(inside.batches(tables.runs, store.layers)), ignore_index=True)
    again = {
        "runs.parquet": (tables.runs, RUN_COLUMNS),
        "history.parquet": (tables.history, HISTORY_COLUMNS),
        "layers.parquet": (layers, LAYER_COLUMNS),
        "spectra.parquet": (inside.spectra(tables.runs), SPECTRA_COLUMNS),
    }
    found = []
    for name, (table, columns) in again.items():
        of_run = pc.field("run_id") == run.run_id
        published = read_part(results / name, list(columns), of_run).reset_index(drop=True)
        found += [f"{name}: {text}" for text in _unlike(published, table[list(columns)].reset_index(drop=True))]
    return found


def _unlike(published: pd.DataFrame, again: pd.DataFrame) -> list[str]:
    """Columns that are not equal bit for bit, with the first value that is not."""
    if len(published) != len(again):
        return [f"{len(published)} rows published, {len(again)} here"]
    found = []
    for name in again.columns:
        # texts of floats are exact, and tell -0.0 from 0.0
        left, right = ([repr(value) for value in table[name].astype(object)] for table in (published, again))
        places = [i for i, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
        if places:
            found.append(f"{name} differs, first {left[places[0]]} published, {right[places[0]]} here")
    return found
