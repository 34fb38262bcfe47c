"""The ledger of a study from its files, and as files beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from whyrelu.claims.declaration import Claim
from whyrelu.claims.evidence import LAYERS_USED, Evidence, make_evidence
from whyrelu.claims.ledger import decide, verdict_metrics
from whyrelu.results.columns import (
    ACTIVE_COLUMNS,
    CONVERGENCE_COLUMNS,
    FUNCTION_COLUMNS,
    RUN_CONVERGENCE_COLUMNS,
    THEORY_COLUMNS,
)
from whyrelu.results.files import read_json, read_part, read_table, write_json, write_table
from whyrelu.results.tables import RUN_COLUMNS
from whyrelu.results.tuning import tuning_of_study

_THEORY_WRITER = "python src/theory.py -m with the settings of the sweep"


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
