"""From the finished runs of a study to its tables in results/<study>/."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.config.grid import Run, with_declared_grid
from whyrelu.config.schema import check_text
from whyrelu.errors import UserError, notice
from whyrelu.files import write_json
from whyrelu.results.cells import cells_table, curves_table, profiles_table
from whyrelu.results.files import write_csv, write_table
from whyrelu.results.labels import label, varying
from whyrelu.results.study import Study
from whyrelu.results.tables import (
    LoadLayers,
    Record,
    history_table,
    layers_table,
    runs_table,
    trained_id,
    with_lr_given,
)
from whyrelu.runs.plan import identify, one_study
from whyrelu.runs.provenance import other_code_notice
from whyrelu.runs.store import RunStore

# What the runs say of the machine and the code, times and git aside, because those differ between identical runs.
MACHINE_FACTS = ("python", "device", "cpu", "threads", "precision", "code_version")


def aggregate(runs: Sequence[Run], overrides: Sequence[str]) -> Study:
    """Make the tables of a study from its finished runs, and return it.

    `runs` is its grid, which was typed as `overrides`. A run that is missing or failed is a UserError.
    """
    runs = identify(runs)
    study, store = Study(Path("results") / one_study(run.config for run in runs)), RunStore.of(runs[0].config)
    command = shlex.join(["python", "src/train.py", "-m", *overrides])
    records = finished_records((store.record(run.run_id) for run in runs), command)
    if told := other_code_notice(records):
        notice(told)
    notes = {run.config["data"]["name"]: run.config["data"]["note"] for run in runs}
    facts = {
        "question": runs[0].config["question"],
        # where runs are done is no part of their results
        "overrides": [text for text in with_declared_grid(overrides) if not re.match(r"[+~]*hydra[/.]", text)],
        **provenance(records, notes),
    }
    tuning = RunStore(store.root.with_name(f"{store.root.name}-tuning"))
    tuned = [record for run_id in study.tuning["run_id"] if (record := tuning.record(run_id))]
    write_json({"runs": hours(records), "tuning": hours(tuned)}, study.folder / "hours.json")
    records = with_lr_given(records, {run.run_id: run.given_lr for run in runs})
    write_tables(records, lambda record: store.layers({**record, "run_id": trained_id(record["run_id"])}), facts, study)
    return study


def finished_records(records: Iterable[Record | None], command: str) -> list[Record]:
    """The records of a plan, if every one of its runs is finished; `command` would train the missing ones.

    A UserError if any are missing or failed, and where one has texts that no setting can have.
    """
    found = list(records)
    finished = [record for record in found if record is not None and record["status"] != "failed"]
    if len(finished) < len(found):
        missing, failed = found.count(None), len(found) - found.count(None) - len(finished)
        raise UserError(
            f"of {len(found)} planned runs {missing} missing and {failed} failed; this trains what is left: {command}"
        )
    for record in finished:
        # it may come from somebody else, and its names go into pages that a browser shows
        for name, value in record["factors"].items():
            for text in value if isinstance(value, list) else [value]:
                check_text(f"run {record['run_id']}: {name}", str(text))
    return finished


def write_tables(records: Sequence[Record], load: LoadLayers, facts: Mapping[str, Any], study: Study) -> None:
    """Write all tables of a study, whose theory.parquet is there, and provenance.json, which holds the facts.

    Nothing is written unless all records and diagnostics can be used.
    """
    runs = runs_table(records)
    history = history_table(records, runs)
    layers = layers_table(records, runs, load)
    profiles = profiles_table(runs, layers, study.theory)
    cells = cells_table(runs, study.theory)
    tables = {"runs": runs, "history": history, "layers": layers, "profiles": profiles, "cells": cells}
    curves = curves_table(runs, history)
    for name, table in tables.items():
        write_table(table, study.folder / f"{name}.parquet")
    write_csv(curves, study.folder / "curves.csv")
    write_json(metrics(cells), study.folder / "metrics.json")
    write_json({"study": study.name, **facts}, study.folder / "provenance.json")


def hours(records: Iterable[Record]) -> float:
    """What runs took, in hours of one processor or, on a GPU, of the device."""
    seconds: float = sum(record["provenance"]["seconds"] * record["provenance"]["threads"] for record in records)
    return round(seconds / 3600, 2)


def metrics(cells: pd.DataFrame) -> dict[str, Any]:
    """A handful of numbers for `dvc metrics`; accuracies are fractions of 1 with four decimals.

    `n` runs; by everything but depth that varies, how many runs `learned` and the `deepest` network of which most did,
    0 for none; and the mean test `accuracy` of every cell.
    """
    columns = [name for name in varying(cells) if name != "depth"] or ["activation"]
    arm = pd.Series([label(row, columns) or "plain" for row in cells[columns].to_dict("records")])
    deepest = cells["depth"].where(2 * cells["learned"] > cells["n"], 0).groupby(arm, sort=False).max()
    return {
        "n": int(cells["n"].sum()),
        "learned": cells["learned"].groupby(arm, sort=False).sum().to_dict(),
        "deepest": deepest.to_dict(),
        "accuracy": cells.set_index("name")["mean"].round(4).to_dict(),
    }


def provenance(records: Sequence[Record], notes: Mapping[str, str | None]) -> dict[str, Any]:
    """What the runs say of their settings, data, code and machine; `notes` by the name of the data set."""
    data = []
    for record in records:
        entry = {**record["data"], "classes": len(record["data"]["classes"]), "note": notes.get(record["data"]["name"])}
        if entry not in data:
            data.append(entry)
    settings = [record["factors"] for record in records]
    shared = set.intersection(*({*factors} for factors in settings)) - {"study", "seed"}
    common = {
        name: value
        for name, value in settings[0].items()
        if name in shared and all(own[name] == value for own in settings)
    }
    said = [record["provenance"] for record in records]
    libraries = {name: sorted({own["libraries"][name] for own in said}) for name in sorted(said[0]["libraries"])}
    return {
        "runs": len(records),
        "seeds": sorted({int(factors["seed"]) for factors in settings}),
        "common": common,
        "data": data,
        **{name: list(dict.fromkeys(own.get(name) for own in said)) for name in MACHINE_FACTS},
        "libraries": libraries,
    }
