"""What a report is made from: the tables of one study, in facets that each hold one grid of activation x depth."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.errors import UserError
from whyrelu.results.cells import curves_table, is_failure
from whyrelu.results.columns import FUNCTION_COLUMNS, LAYER_COLUMNS, PROFILE_COLUMNS, SPECTRA_COLUMNS, THEORY_COLUMNS
from whyrelu.results.files import read_json, read_table
from whyrelu.results.labels import facet_columns, facet_labels, series_labels
from whyrelu.results.tables import CELL_STATISTICS, FACTORS, HISTORY_COLUMNS, RUN_COLUMNS

_PROVENANCE_KEYS = ("study", "overrides", "runs", "seeds", "common", "implied", "data", "libraries")
_THEORY_WRITER = "python src/theory.py -m with the settings of the sweep"


@dataclass(frozen=True)
class _Cells:
    """Rows of cells.parquet with the columns `series` and `facet`."""

    cells: pd.DataFrame

    @property
    def series(self) -> list[str]:
        """The activations, in the order in which the sweep names them."""
        return list(dict.fromkeys(self.cells["series"]))

    @property
    def depths(self) -> list[int]:
        """The depths, ascending."""
        return sorted({int(depth) for depth in self.cells["depth"]})


@dataclass(frozen=True)
class Facet(_Cells):
    """The cells in which all but activation and depth is the same.

    Attributes:
        cells: of this facet.
        label: what is the same, as far as it differs from other facets, e.g. "norm=batch"; empty if there are none.
        runs: runs.parquet and the columns `series` and `failed`.
        curves: as `cells.curves_table`, and the column `series`.
        history: history.parquet.
        chance: accuracy of guessing, 1 / classes.
        profiles: profiles.parquet and the column `series`; no rows if nothing was measured inside the networks.
        layers: layers.parquet and the columns `series` and `depth`.
        spectra: spectra.parquet and the columns `series` and `depth`.
        theory: theory.parquet and the column `series`.
    """

    label: str
    runs: pd.DataFrame
    curves: pd.DataFrame
    history: pd.DataFrame
    chance: float
    profiles: pd.DataFrame
    layers: pd.DataFrame
    spectra: pd.DataFrame
    theory: pd.DataFrame

    @property
    def deepest(self) -> int:
        """The largest depth at which all activations were run; if there is none, the largest."""
        tried = self.cells.groupby("depth")["series"].nunique()
        return max([depth for depth in self.depths if tried[depth] == len(self.series)] or self.depths)

    @property
    def slug(self) -> str:
        """The label as a part of a file name; empty without a label."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.label).strip("-")


@dataclass(frozen=True)
class Study(_Cells):
    """One study.

    Attributes:
        cells: of all facets.
        name: of the study.
        runs: of all facets.
        facets: at least one.
        facet_columns: the factors that tell facets apart.
        provenance: provenance.json.
        functions: functions.parquet.
    """

    name: str
    runs: pd.DataFrame
    facets: list[Facet]
    facet_columns: list[str]
    provenance: dict[str, Any]
    functions: pd.DataFrame

    @property
    def inspected(self) -> list[Facet]:
        """The facets of which something was measured inside the networks."""
        return [facet for facet in self.facets if not facet.profiles.empty]


@dataclass(frozen=True)
class _Inside:
    """The tables that look inside the networks, as they are in their files."""

    profiles: pd.DataFrame
    layers: pd.DataFrame
    spectra: pd.DataFrame
    theory: pd.DataFrame
    functions: pd.DataFrame


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
        read_table(directory / "layers.parquet", LAYER_COLUMNS),
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
    ids = set(runs["run_id"])
    together = (
        len(runs) == int(cells["n"].sum()) == provenance["runs"]
        and all(set(table["run_id"]) <= ids for table in (history, inside.layers, inside.spectra))
        and len(cells) == int((inside.theory["layer"] == 1).sum())
    )
    if not together:
        raise UserError(f"the files of {directory} do not belong together: python src/aggregate.py writes them again")
    return _study(runs, history, cells, inside, provenance)


def _study(
    runs: pd.DataFrame, history: pd.DataFrame, cells: pd.DataFrame, inside: _Inside, provenance: dict[str, Any]
) -> Study:
    columns = facet_columns(cells)
    curves = _labelled(curves_table(runs, history), columns)
    runs = _labelled(runs, columns).assign(failed=is_failure(runs))
    cells = _labelled(cells, columns)
    profiles, theory = _labelled(inside.profiles, columns), _labelled(inside.theory, columns)
    named = runs[["run_id", "series", "facet", "depth"]]
    layers, spectra = inside.layers.merge(named, on="run_id"), inside.spectra.merge(named, on="run_id")
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
                layers=_of_facet(layers, label),
                spectra=_of_facet(spectra, label),
                theory=_of_facet(theory, label),
            )
        )
    return Study(cells, provenance["study"], runs, facets, columns, provenance, inside.functions)


def _labelled(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return table.assign(series=series_labels(table), facet=facet_labels(table, columns))


def _of_facet(table: pd.DataFrame, label: Hashable) -> pd.DataFrame:
    return table[table["facet"] == label].reset_index(drop=True)
