"""The ledger of a study from its files, and as files beside them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from whyrelu.claims.declaration import Claim, declared_thresholds, read_claims
from whyrelu.claims.evidence import LAYERS_USED, Evidence, make_evidence
from whyrelu.claims.ledger import decide, verdict_metrics
from whyrelu.config.grid import with_declared_grid
from whyrelu.files import read_json, write_json
from whyrelu.results.aggregation import aggregate, finished_records
from whyrelu.results.columns import (
    ACTIVE_COLUMNS,
    CONVERGENCE_COLUMNS,
    FUNCTION_COLUMNS,
    RUN_CONVERGENCE_COLUMNS,
    THEORY_COLUMNS,
)
from whyrelu.results.files import read_part, read_table, write_table
from whyrelu.results.given_rates import compares_tuned_with_given, trained_id, with_given_lr
from whyrelu.results.tables import RUN_COLUMNS
from whyrelu.results.tuning import tuning_of_study
from whyrelu.runs.plan import identify, one_study
from whyrelu.runs.store import RunStore
from whyrelu.tuning.rates import compose_tuned_grid

_THEORY_WRITER = "python src/theory.py -m with the settings of the sweep"


def aggregate_study(overrides: Sequence[str]) -> str:
    """Make the tables of a study from its finished runs, decide its claims, and return a line about it.

    Args:
        overrides: of the sweep that trained it.

    Raises:
        UserError: a run is missing or failed, or a table cannot be read.
    """
    claims = read_claims()
    runs = identify(compose_tuned_grid(overrides))
    study, store = one_study(run.config for run in runs), RunStore.of(runs[0].config)
    directory = Path("results") / study
    given = {run.run_id: run.given_lr for run in runs}
    ways = list(dict.fromkeys(way for found in given.values() for way in found))
    records = (store.record(run.run_id) for run in runs)
    finished = finished_records(records, shlex.join(["python", "src/train.py", "-m", *overrides]))
    aggregate(
        with_given_lr(finished, given) if compares_tuned_with_given(ways) else finished,
        lambda record: store.layers({**record, "run_id": trained_id(record["run_id"])}),
        with_declared_grid(overrides),
        directory,
        lambda name: declared_thresholds(claims, name),
        {run.config["data"]["name"]: run.config["data"]["note"] for run in runs if run.config["data"]["note"]},
        {"question": runs[0].config["question"], "given_lr": ways},
    )
    verdicts = Counter(entry["verdict"] for entry in decide_study(claims, directory))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    return f"{len(runs)} runs -> {directory}; of {len(claims)} claims {counts}"


def decide_study(claims: Sequence[Claim], directory: Path) -> list[dict[str, Any]]:
    """Decide all claims of a study and write claims.json, contrasts.parquet and shares.parquet, and into metrics.json.

    Args:
        claims: as declared.
        directory: results/<study>, with the tables that `whyrelu.results.aggregation.aggregate` writes.

    Returns:
        the entries of claims.json.

    Raises:
        UserError: a table is missing or damaged.
    """
    ledger = decide(claims, read_evidence(directory))
    write_table(ledger.contrasts, directory / "contrasts.parquet")
    write_table(ledger.shares, directory / "shares.parquet")
    metrics = read_json(directory / "metrics.json")
    write_json(metrics | {"claims": verdict_metrics(ledger.entries)}, directory / "metrics.json")
    write_json(ledger.entries, directory / "claims.json")
    return ledger.entries


def read_evidence(directory: Path) -> Evidence:
    """Read what claims are decided from; tuning.parquet and timing.json need not be there.

    Args:
        directory: results/<study>.

    Raises:
        UserError: a table is missing or damaged.
    """
    tuning, timing = directory / "tuning.parquet", directory / "timing.json"
    runs, provenance = read_table(directory / "runs.parquet", RUN_COLUMNS), read_json(directory / "provenance.json")
    tuned = read_table(tuning, RUN_COLUMNS, "python src/tune.py") if tuning.is_file() else None
    return make_evidence(
        runs=runs,
        layers=lambda reference: _read_layers(directory / "layers.parquet", reference),
        theory=read_table(directory / "theory.parquet", THEORY_COLUMNS, _THEORY_WRITER),
        functions=read_table(directory / "functions.parquet", {**FUNCTION_COLUMNS, **ACTIVE_COLUMNS}, _THEORY_WRITER),
        convergence=read_table(directory / "convergence.parquet", CONVERGENCE_COLUMNS),
        run_convergence=read_table(directory / "run_convergence.parquet", RUN_CONVERGENCE_COLUMNS),
        tuning=None if tuned is None else tuning_of_study(tuned, runs, provenance),
        timing=read_json(timing, "python src/timing.py") if timing.is_file() else None,
        overrides=provenance["overrides"],
        common=provenance["common"],
    )


def _read_layers(path: Path, reference: Sequence[str]) -> pd.DataFrame:
    """The rows and columns of layers.parquet that claims look at, given the runs of the reference facet."""
    wanted = (pc.field("epoch") == 0) | (pc.field("layer") == 1) | pc.field("run_id").isin(reference)
    return read_part(path, LAYERS_USED, wanted)
