"""From run records to results/<study>/: tables, a handful of numbers, and what all runs have in common."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.config.schema import NAMED_GROUPS, check_text
from whyrelu.errors import UserError
from whyrelu.files import write_json
from whyrelu.results.cells import cells_table, curves_table, learns
from whyrelu.results.columns import THEORY_COLUMNS
from whyrelu.results.convergence import convergence_table, run_convergence_table
from whyrelu.results.files import read_table, write_batches, write_csv, write_table
from whyrelu.results.inside import InsideBuilder, LoadLayers, ProfilesBuilder
from whyrelu.results.labels import contrast_pair, facet_columns, facet_labels, series_labels
from whyrelu.results.tables import TableBuilder, Tables

# What the runs say of the machine and the code, times and git aside, because those differ between identical runs.
MACHINE_FACTS = ("python", "device", "cpu", "threads", "precision", "code_version")


def aggregate(
    records: Iterable[Mapping[str, Any]],
    layers: LoadLayers,
    overrides: Sequence[str],
    directory: Path,
    thresholds: Callable[[str], Sequence[float]] = lambda data: (),
    notes: Mapping[str, str] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> None:
    """Write the tables of a study.

    They are runs, history, convergence, run_convergence, cells, layers, spectra and profiles as parquet, curves.csv,
    metrics.json and provenance.json.

    Nothing is written unless all records and diagnostics can be used.

    Args:
        records: of finished runs (the content of run.json), in the order of the grid; gone through once.
        layers: gives the diagnostics of a record, once all records were seen.
        overrides: of the sweep that made them, as typed.
        directory: results/<study>, with theory.parquet of the same cells.
        thresholds: of validation accuracy, for each data set: when they are reached is in convergence.parquet.
        notes: what a reader must know of the images, by the name of the data set.
        asked: what provenance.json says of the plan: its `question`, and as what learning rates were given.

    Raises:
        UserError: no runs, a failed or incomplete one, one run twice, or runs of several studies; or no prediction.
        DataError: the diagnostics of a run are missing or damaged.
    """
    builder, inside, facts = TableBuilder(), InsideBuilder(), _Facts()
    for record in records:
        builder.add(record)
        inside.add(record)
        facts.add(record)
    tables = builder.tables()
    # what records said is in the tables now, and was as large as they are
    del builder
    if "study" not in tables.common:
        raise UserError("the runs belong to several studies; aggregate one at a time")
    theory = read_table(
        directory / "theory.parquet", THEORY_COLUMNS, shlex.join(["python", "src/theory.py", "-m", *overrides])
    )
    profiles = ProfilesBuilder(tables.runs, theory)
    # first, because it is what can still be found to be damaged
    write_batches(_passed_on(inside.batches(tables.runs, layers), profiles.add), directory / "layers.parquet")
    write_table(profiles.table(), directory / "profiles.parquet")
    write_table(inside.spectra(tables.runs), directory / "spectra.parquet")
    write_table(tables.runs, directory / "runs.parquet")
    write_table(tables.history, directory / "history.parquet")
    classes = {data["name"]: int(data["classes"]) for data in facts.data()}
    declared = {name: thresholds(name) for name in classes}
    write_table(convergence_table(tables.runs, tables.history, declared), directory / "convergence.parquet")
    write_table(run_convergence_table(tables.runs, tables.history, classes), directory / "run_convergence.parquet")
    write_csv(curves_table(tables.runs, tables.history), directory / "curves.csv")
    cells = cells_table(tables.runs)
    write_table(cells, directory / "cells.parquet")
    write_json(headline_metrics(cells), directory / "metrics.json")
    told = {**(asked or {}), "varied": facet_columns(cells)}
    write_json(_provenance(tables, facts, overrides, notes or {}, told), directory / "provenance.json")


def _passed_on(batches: Iterable[pd.DataFrame], take: Callable[[pd.DataFrame], None]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        take(batch)
        yield batch


def headline_metrics(cells: pd.DataFrame) -> dict[str, Any]:
    """A handful of numbers for `dvc metrics`, accuracies as fractions of 1 with four decimals.

    Returns:
        `n` and `failed`, numbers of runs, and per activation: `failures`; `test_accuracy`, the mean of its cells;
        `deepest_learned`, the largest depth at which at least half of the runs did not fail, 0 for none; and
        `difference` in mean accuracy per depth between relu (or the first activation) and sigmoid, where there is
        one. Where further factors vary, these four are given for each combination of them.
    """
    facets = facet_columns(cells)
    metrics: dict[str, Any] = {"n": int(cells["n"].sum()), "failed": int(cells["failures"].sum())}
    for label, part in cells.groupby(facet_labels(cells, facets), sort=False):
        numbers = _facet_metrics(part)
        metrics |= {str(label): numbers} if facets else numbers
    return metrics


def _facet_metrics(cells: pd.DataFrame) -> dict[str, Any]:
    groups = {str(name): group for name, group in cells.groupby(series_labels(cells), sort=False)}
    metrics: dict[str, Any] = {
        "failures": {name: int(group["failures"].sum()) for name, group in groups.items()},
        "test_accuracy": {name: round(float(group["mean"].mean()), 4) for name, group in groups.items()},
        "deepest_learned": {name: int(group["depth"].where(learns(group), 0).max()) for name, group in groups.items()},
    }
    pair = contrast_pair(list(groups))
    if pair:
        first, second = (groups[name].set_index("depth")["mean"] for name in pair)
        difference = (first - second).dropna()
        metrics["difference"] = {
            f"{pair[0]} - {pair[1]}": {f"depth {depth}": round(float(x), 4) for depth, x in difference.items()}
        }
    return metrics


class _Facts:
    """The distinct values of what records say of data, code and machine, in the order in which they are first seen."""

    def __init__(self) -> None:
        self._data: dict[str, dict[str, Any]] = {}
        self._machine: dict[str, dict[Any, None]] = {name: {} for name in MACHINE_FACTS}
        self._libraries: dict[tuple[tuple[str, str], ...], None] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        data = {**record["data"], "classes": len(record["data"]["classes"])}
        self._data.setdefault(json.dumps(data, sort_keys=True), data)
        for name, values in self._machine.items():
            values.setdefault(record["provenance"].get(name))
        self._libraries.setdefault(tuple(record["provenance"]["libraries"].items()))

    def data(self) -> list[dict[str, Any]]:
        return list(self._data.values())

    def machine(self) -> dict[str, Any]:
        return {name: list(values) for name, values in self._machine.items()}

    def libraries(self) -> dict[str, list[str]]:
        versions: dict[str, dict[str, None]] = {}
        for pairs in self._libraries:
            for name, version in pairs:
                versions.setdefault(name, {}).setdefault(version)
        return {name: sorted(found) for name, found in sorted(versions.items())}


def _provenance(
    tables: Tables, facts: _Facts, overrides: Sequence[str], notes: Mapping[str, str], told: Mapping[str, Any]
) -> dict[str, Any]:
    common = dict(tables.common)
    return {
        "study": common.pop("study"),
        **told,
        "overrides": [override for override in overrides if not _says_where(override)],
        "runs": len(tables.runs),
        "seeds": sorted({int(seed) for seed in tables.runs["seed"]}),
        "common": {name: value for name, value in common.items() if name != "seed"},
        "implied": tables.implied,
        "data": [{**data, "note": notes[data["name"]]} if data["name"] in notes else data for data in facts.data()],
        **facts.machine(),
        "libraries": facts.libraries(),
    }


def _says_where(override: str) -> bool:
    """Whether an override only chooses where runs are done, which is no part of their results."""
    return re.match(r"[+~]*hydra[/.]", override) is not None


def finished_records(records: Iterable[dict[str, Any] | None], command: str) -> Iterator[dict[str, Any]]:
    """Pass on the records of a plan if every one of its runs is finished.

    Args:
        records: one per planned run, None for one that is missing.
        command: what would train the missing ones.

    Raises:
        UserError: after the last record, if any are missing or failed; at one with texts that no settings can have.
    """
    total = missing = failed = 0
    for record in records:
        total += 1
        if record is None:
            missing += 1
        elif record["status"] == "failed":
            failed += 1
        else:
            _check_texts(record)
            yield record
    if missing or failed:
        counts = [f"{missing} missing"] * bool(missing) + [f"{failed} failed"] * bool(failed)
        raise UserError(f"of {total} planned runs {' and '.join(counts)}; this trains what is left: {command}")


def _check_texts(record: Mapping[str, Any]) -> None:
    """A record may come from somebody else, and its names go into pages that a browser shows."""
    config = record.get("config", {})
    texts = {"study": config.get("study"), "data.name": config.get("data", {}).get("name")}
    texts |= {f"{group}.{key}": value for group in NAMED_GROUPS for key, value in config.get(group, {}).items()}
    for key, text in texts.items():
        if isinstance(text, str):
            check_text(f"run {record.get('run_id')}: {key}", text)
