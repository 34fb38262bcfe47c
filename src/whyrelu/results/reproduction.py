"""Training runs of a study once more, apart from its run store, and comparing them with its tables bit for bit."""

from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from whyrelu.config.grid import Run
from whyrelu.errors import UserError
from whyrelu.results.columns import RUN_COLUMNS
from whyrelu.results.study import Study
from whyrelu.results.tables import history_table, layers_table, runs_table, trained_id
from whyrelu.runs.execute import execute
from whyrelu.runs.identity import TRAINING_VERSION
from whyrelu.runs.plan import identify, prepare_data
from whyrelu.runs.store import RunStore


def published_overrides(study: Study) -> list[str]:
    """What was typed for a published study; a UserError if its training code is not the one that is here."""
    versions = study.provenance["code_version"]
    if TRAINING_VERSION not in versions:
        raise UserError(
            f"{study.folder} is of another training code, version {' and '.join(versions)}; this is "
            f"{TRAINING_VERSION}: git log -1 -- {study.folder} names the commit to check out"
        )
    return list(study.provenance["overrides"])


def reproduce(study: Study, runs: Sequence[Run], names: Sequence[str], count: int) -> list[str]:
    """Train runs of a study again, print how each compares with its tables, and return what differs.

    `runs` is the grid of the study as it is here. `names` are ids or their beginnings; without any, `count` runs evenly
    spread over the study are trained. A study of other data or learning rates is a UserError.
    """
    if count < 1:
        raise UserError(f"runs must be at least 1, not {count}")
    known = list(dict.fromkeys(map(trained_id, study.runs["run_id"])))
    spread = np.linspace(0, len(known) - 1, min(count, len(known)))
    chosen = [_named(name, known) for name in names] if names else [known[round(place)] for place in spread]
    prepare_data(run.config for run in runs)
    planned = {run.run_id: run for run in identify(runs)}
    found = []
    for run_id in dict.fromkeys(chosen):
        if run_id not in planned:
            raise UserError(
                f"run {run_id} of {study.folder} is not what its settings, data and learning rates mean here"
            )
        differences = _differences(study, planned[run_id])
        print(f"{run_id} {planned[run_id].label}: {'differs' if differences else 'identical'}", flush=True)
        found += [f"{run_id}: {difference}" for difference in differences]
    return found


def _named(name: str, known: Sequence[str]) -> str:
    matches = [run_id for run_id in known if run_id.startswith(name)]
    if len(matches) != 1:
        raise UserError(f"{name} is the beginning of {len(matches)} runs of the study, such as {known[0]}")
    return matches[0]


def _differences(study: Study, run: Run) -> list[str]:
    """What the tables of the study and one of this run alone do not have in common."""
    with TemporaryDirectory() as folder:
        config = {**run.config, "run_root": folder}
        record, _ = execute(config, run.run_id)
        assert record is not None
        if record["status"] == "failed":
            return [f"it fails here: {record['error']}"]
        runs = runs_table([record])
        layers = layers_table([record], runs, RunStore.of(config).layers)
    again = {"runs": runs[list(RUN_COLUMNS)], "history": history_table([record], runs), "layers": layers}
    found = []
    for name, table in again.items():
        published = getattr(study, name)
        found += [f"{name}.parquet: {text}" for text in _unlike(published[published["run_id"] == run.run_id], table)]
    return found


def _unlike(published: pd.DataFrame, again: pd.DataFrame) -> list[str]:
    """Columns that are not equal to the last bit, with the first value that is not."""
    if len(published) != len(again):
        return [f"{len(published)} rows published, {len(again)} here"]
    different = published[again.columns].reset_index(drop=True).compare(again, result_names=("published", "here"))
    firsts = {name: different[name].dropna(how="all").iloc[0] for name in different.columns.unique(0)}
    return [f"{name} differs, first {row['published']} published, {row['here']} here" for name, row in firsts.items()]
