"""Training runs of a study once more, apart from its run store, and comparing them with its tables bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

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


def published_overrides(results: Path) -> list[str]:
    """What was typed for a published study; a UserError if its training code is not the one that is here."""
    facts = read_json(results / "provenance.json")
    if TRAINING_VERSION not in facts["code_version"]:
        raise UserError(
            f"{results} is of another training code, version {' and '.join(facts['code_version'])}; this is "
            f"{TRAINING_VERSION}: git log -1 -- {results} names the commit to check out"
        )
    return list(facts["overrides"])


def reproduce(results: Path, runs: Sequence[Run], names: Sequence[str], count: int) -> list[str]:
    """Train runs of a study again, print how each compares with its tables in results/, and return what differs.

    `runs` is the grid of the study as it is here. `names` are ids or their beginnings; where there are none, `count`
    runs evenly spread over the study are trained. A name of no run or of several is a UserError, and so is a study of
    other data or learning rates.
    """
    if count < 1:
        raise UserError(f"runs must be at least 1, not {count}")
    ids = [trained_id(str(run_id)) for run_id in read_table(results / "runs.parquet", RUN_COLUMNS)["run_id"]]
    known = list(dict.fromkeys(ids))
    spread = np.linspace(0, len(known) - 1, min(count, len(known)))
    chosen = [_named(name, known) for name in names] if names else [known[round(place)] for place in spread]
    prepare_data(run.config for run in runs)
    planned = {run.run_id: run for run in identify(runs)}
    found = []
    for run_id in dict.fromkeys(chosen):
        if run_id not in planned:
            raise UserError(f"run {run_id} of {results} is not what its settings, data and learning rates mean here")
        differences = _differences(results, planned[run_id])
        print(f"{run_id} {planned[run_id].label}: {'differs' if differences else 'identical'}", flush=True)
        found += [f"{run_id}: {difference}" for difference in differences]
    return found


def _named(name: str, known: Sequence[str]) -> str:
    matches = [run_id for run_id in known if run_id.startswith(name)]
    if len(matches) != 1:
        raise UserError(f"{name} is the beginning of {len(matches)} runs of the study, such as {known[0]}")
    return matches[0]


def _differences(results: Path, run: Run) -> list[str]:
    """What the tables of the study and one of this run alone do not have in common."""
    with TemporaryDirectory() as folder:
        config = {**run.config, "run_root": folder}
        record, _ = execute(config, run.run_id)
        assert record is not None
        if record["status"] == "failed":
            return [f"it fails here: {record['error']}"]
        tables, inside = build_tables([record]), InsideBuilder()
        inside.add(record)
        layers = pd.concat(list(inside.batches(tables.runs, RunStore.of(config).layers)), ignore_index=True)
    again = {
        "runs.parquet": (tables.runs, RUN_COLUMNS),
        "history.parquet": (tables.history, HISTORY_COLUMNS),
        "layers.parquet": (layers, LAYER_COLUMNS),
        "spectra.parquet": (inside.spectra(tables.runs), SPECTRA_COLUMNS),
    }
    found = []
    for name, (table, columns) in again.items():
        published = read_part(results / name, list(columns), pc.field("run_id") == run.run_id)
        found += [f"{name}: {text}" for text in _unlike(published, table[list(columns)])]
    return found


def _unlike(published: pd.DataFrame, again: pd.DataFrame) -> list[str]:
    """Columns that are not equal bit for bit, with the first value that is not."""
    if len(published) != len(again):
        return [f"{len(published)} rows published, {len(again)} here"]
    found = []
    for name in again.columns:
        # texts of floats are exact, and tell -0.0 from 0.0
        pairs = zip(map(repr, published[name].astype(object)), map(repr, again[name].astype(object)), strict=True)
        different = [(left, right) for left, right in pairs if left != right]
        if different:
            found.append(f"{name} differs, first {different[0][0]} published, {different[0][1]} here")
    return found
