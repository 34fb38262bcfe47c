"""Reading the tables of a study, and putting them into facets."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.claims.verdict import VERDICTS
from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.report.study import MOST_FACETS, Facet, Study
from whyrelu.results.cells import curves_table, is_failure
from whyrelu.results.columns import (
    CONTRAST_COLUMNS,
    CONVERGENCE_COLUMNS,
    FUNCTION_COLUMNS,
    LR_COLUMNS,
    PROFILE_COLUMNS,
    SHARE_COLUMNS,
    SPECTRA_COLUMNS,
    THEORY_COLUMNS,
)
from whyrelu.results.files import read_part, read_table
from whyrelu.results.given_rates import as_tuned
from whyrelu.results.labels import facet_columns, facet_name, labelled
from whyrelu.results.reference import reference_label
from whyrelu.results.tables import CELL_STATISTICS, FACTORS, HISTORY_COLUMNS, RUN_COLUMNS
from whyrelu.results.tuning import tuning_of_study

_PROVENANCE_KEYS = ("study", "overrides", "runs", "seeds", "common", "implied", "data", "libraries")
_CLAIM_KEYS = ("id", "claim", "hypothesis", "verdict", "effect", "unit", "low", "high", "n", "p", "p_adjusted")
_CLAIM_TEXTS = ("evidence", "figure", "rule", "runs", "comparison", "quantity", "depth", "facet")
_THEORY_WRITER = "python src/theory.py -m with the settings of the sweep"
_TIMING_WRITER = "python src/timing.py with the settings of the sweep"
_TIMING_KEYS = ("facet", "settings", "machine", "load", "seconds", "left_out", "op", "step", "subnormal")
_TUNING_WRITER = "python src/tune.py -m with the settings of the sweep"


@dataclass(frozen=True)
class _Inside:
    """The tables that look inside the networks, as they are in their files."""

    profiles: pd.DataFrame
    measured: pd.DataFrame
    spectra: pd.DataFrame
    theory: pd.DataFrame
    functions: pd.DataFrame


@dataclass(frozen=True)
class _Decided:
    """What the claims were decided to be, and what tuning found, as it is in the files."""

    claims: list[dict[str, Any]]
    contrasts: pd.DataFrame
    shares: pd.DataFrame
    convergence: pd.DataFrame
    tuning: pd.DataFrame
    rates: pd.DataFrame
    timing: dict[str, Any] | None


def read_study(directory: Path) -> Study:
    """Read results/<study>/ as `whyrelu.results.aggregation.aggregate` writes it.

    Raises:
        UserError: a file is missing or damaged, or they do not belong together.
    """
    if not directory.is_dir():
        others = sorted(path.parent.name for path in directory.parent.glob("*/cells.parquet"))
        known = f"there are tables of: {', '.join(others)}" if others else "python src/aggregate.py makes tables"
        raise UserError(f"there is no {directory}; {known}")
    factors = set(FACTORS) - {"seed"}
    runs = read_table(directory / "runs.parquet", RUN_COLUMNS)
    history = read_table(directory / "history.parquet", HISTORY_COLUMNS)
    cells = read_table(directory / "cells.parquet", [*factors, *CELL_STATISTICS])
    inside = _Inside(
        read_table(directory / "profiles.parquet", [*factors, *PROFILE_COLUMNS]),
        # of each layer the page shows profiles; here it counts which runs were looked into
        read_part(directory / "layers.parquet", ["run_id"]).drop_duplicates(ignore_index=True),
        read_table(directory / "spectra.parquet", SPECTRA_COLUMNS),
        read_table(directory / "theory.parquet", [*factors, *THEORY_COLUMNS], _THEORY_WRITER),
        read_table(directory / "functions.parquet", FUNCTION_COLUMNS, _THEORY_WRITER),
    )
    provenance = read_json(directory / "provenance.json")
    lacking = [key for key in _PROVENANCE_KEYS if key not in provenance]
    if lacking:
        raise UserError(
            f"{directory / 'provenance.json'} has no {', '.join(lacking)}: python src/aggregate.py writes it"
        )
    tuning, rates = _read_tuning(directory)
    tuning = tuning_of_study(tuning, runs, provenance)
    decided = _Decided(
        _read_claims(directory / "claims.json"),
        read_table(directory / "contrasts.parquet", CONTRAST_COLUMNS),
        read_table(directory / "shares.parquet", SHARE_COLUMNS),
        read_table(directory / "convergence.parquet", CONVERGENCE_COLUMNS),
        tuning,
        # of cells that have runs here: others may be left from an earlier tuning, or were added by hand
        rates[rates["cell"].isin(tuning["cell"])],
        _read_timing(directory / "timing.json"),
    )
    ids = set(runs["run_id"])
    together = (
        len(runs) == int(cells["n"].sum()) == provenance["runs"]
        and all(
            set(table["run_id"]) <= ids for table in (history, inside.measured, inside.spectra, decided.convergence)
        )
        and set(decided.contrasts["claim"]) <= {claim["id"] for claim in decided.claims}
        and len(cells) == int((inside.theory["layer"] == 1).sum())
    )
    if not together:
        raise UserError(f"the files of {directory} do not belong together: python src/aggregate.py writes them again")
    return _study(runs, history, cells, inside, decided, provenance)


def _read_claims(path: Path) -> list[dict[str, Any]]:
    claims = read_json(path)
    known = (*_CLAIM_KEYS, *_CLAIM_TEXTS)
    if not isinstance(claims, list) or not all(isinstance(claim, dict) for claim in claims):
        raise UserError(f"{path} is no list of claims: python src/aggregate.py writes it again")
    for claim in claims:
        if lacking := [key for key in known if key not in claim]:
            raise UserError(f"{path} has no {', '.join(lacking)}: python src/aggregate.py writes it again")
        if claim["verdict"] not in VERDICTS:
            raise UserError(f"{path} has the verdict {claim['verdict']!r}: python src/aggregate.py writes it again")
    return claims


def _read_timing(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    timing = read_json(path, _TIMING_WRITER)
    if not isinstance(timing, dict) or (lacking := [key for key in _TIMING_KEYS if key not in timing]):
        what = f"has no {', '.join(lacking)}" if isinstance(timing, dict) else "is no timing"
        raise UserError(f"{path} {what}: {_TIMING_WRITER} writes it again")
    return timing


def _read_tuning(directory: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """tuning.parquet and lr.csv; without rows if there is neither, as in a study whose learning rates were given."""
    paths = directory / "tuning.parquet", directory / "lr.csv"
    if not any(path.exists() for path in paths):
        columns = RUN_COLUMNS | {"cell": "str"}
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
        return empty, pd.DataFrame(
            {name: pd.Series(dtype=kind) for name, kind in ({"cell": "str"} | LR_COLUMNS).items()}
        )
    tuning = read_table(paths[0], [*RUN_COLUMNS, "cell"], _TUNING_WRITER)
    rates = _read_rates(paths[1])
    if not set(tuning["cell"]) <= set(rates["cell"]):
        raise UserError(f"{paths[0]} and {paths[1].name} do not belong together: {_TUNING_WRITER} writes them again")
    return tuning, rates


def _read_rates(path: Path) -> pd.DataFrame:
    columns = {"cell": "str"} | LR_COLUMNS
    try:
        table = pd.read_csv(path, dtype={"cell": "str", "flag": "str"}, encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {_TUNING_WRITER} writes it") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({' '.join(str(error).split())}): {_TUNING_WRITER} writes it again"
        ) from None
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise UserError(f"{path} has no column {', '.join(lacking)}: {_TUNING_WRITER} writes it again")
    try:
        return table[list(columns)].fillna({"flag": ""}).astype(columns)
    except (TypeError, ValueError):
        raise UserError(f"{path} is damaged (a number is none): {_TUNING_WRITER} writes it again") from None


def _study(
    runs: pd.DataFrame,
    history: pd.DataFrame,
    cells: pd.DataFrame,
    inside: _Inside,
    decided: _Decided,
    provenance: dict[str, Any],
) -> Study:
    columns = facet_columns(cells)
    curves = labelled(curves_table(runs, history), columns)
    runs = labelled(runs, columns).assign(failed=is_failure(runs))
    cells = labelled(cells, columns)
    profiles, theory = labelled(inside.profiles, columns), labelled(inside.theory, columns)
    named = runs[["run_id", "series", "facet", "depth"]]
    measured, spectra = inside.measured.merge(named, on="run_id"), inside.spectra.merge(named, on="run_id")
    convergence = decided.convergence.merge(named, on="run_id")
    # the rate is what tuning varies, so it tells no facets apart there
    tuning = as_tuned(decided.tuning, columns)
    tuned = [name for name in columns if name != "lr"]
    tuning = labelled(tuning, tuned).assign(failed=is_failure(tuning))
    rates = decided.rates.merge(tuning.drop_duplicates("cell")[["cell", "series", "facet", "depth"]], on="cell")
    reference = reference_label(cells, columns)
    is_compact = cells["facet"].nunique() > MOST_FACETS
    classes = {data["name"]: int(data["classes"]) for data in provenance["data"]}
    facets = []
    for label, part in cells.groupby("facet", sort=False):
        own = _of_facet(runs, label)
        facets.append(
            Facet(
                label=str(label),
                cells=part.reset_index(drop=True),
                runs=own,
                curves=_of_facet(curves, label),
                history=history[history["run_id"].isin(own["run_id"])].reset_index(drop=True),
                chance=1 / classes[str(part["data"].iloc[0])],
                profiles=_of_facet(profiles, label),
                measured=len(_of_facet(measured, label)),
                spectra=_of_facet(spectra, label),
                theory=_of_facet(theory, label),
                convergence=_of_facet(convergence, label),
                tuning=_of_facet(tuning, label),
                short=_short_label(cells, str(label), reference, columns) if is_compact else str(label),
                slug="" if is_compact else re.sub(r"[^A-Za-z0-9.]+", "-", str(label)).strip("-"),
            )
        )
    return Study(
        cells=cells,
        name=provenance["study"],
        runs=runs,
        facets=facets,
        facet_columns=columns,
        provenance=provenance,
        functions=inside.functions,
        tuning=tuning,
        rates=rates,
        claims=decided.claims,
        contrasts=decided.contrasts,
        shares=decided.shares,
        timing=decided.timing,
    )


def _short_label(cells: pd.DataFrame, label: str, reference: str, columns: list[str]) -> str:
    """What is not as in the reference, e.g. "norm=batch"; "reference" for that itself."""
    values, usual = (cells.loc[cells["facet"] == name, columns].iloc[0].to_dict() for name in (label, reference))
    known = [name for name in columns if not pd.isna(values[name])]
    changed = [name for name in known if pd.isna(usual[name]) or values[name] != usual[name]]
    if label == reference:
        return "reference"
    return facet_name({str(name): value for name, value in values.items()}, changed or known)


def _of_facet(table: pd.DataFrame, label: Hashable) -> pd.DataFrame:
    return table[table["facet"] == label].reset_index(drop=True)
