"""What a report is made from: the tables of one study, in facets that each hold one grid of activation x depth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.errors import UserError
from whyrelu.results.cells import curves_table, facet_columns, facet_labels, is_failure, series_labels
from whyrelu.results.files import read_json, read_table
from whyrelu.results.tables import CELL_STATISTICS, FACTORS, HISTORY_COLUMNS, RUN_COLUMNS

_PROVENANCE_KEYS = ("study", "overrides", "runs", "seeds", "common", "implied", "data", "libraries")


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
    """

    label: str
    runs: pd.DataFrame
    curves: pd.DataFrame
    history: pd.DataFrame
    chance: float

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
    """

    name: str
    runs: pd.DataFrame
    facets: list[Facet]
    facet_columns: list[str]
    provenance: dict[str, Any]


def read_study(directory: Path) -> Study:
    """Read results/<study>/ as `whyrelu.results.aggregation.aggregate` writes it.

    Raises:
        UserError: a file is missing or damaged, or they do not belong together.
    """
    if not directory.is_dir():
        others = sorted(path.parent.name for path in directory.parent.glob("*/cells.parquet"))
        known = f"there are tables of: {', '.join(others)}" if others else "python src/aggregate.py makes tables"
        raise UserError(f"there is no {directory}; {known}")
    runs = read_table(directory / "runs.parquet", RUN_COLUMNS)
    history = read_table(directory / "history.parquet", HISTORY_COLUMNS)
    cells = read_table(directory / "cells.parquet", [*(set(FACTORS) - {"seed"}), *CELL_STATISTICS])
    provenance = read_json(directory / "provenance.json")
    lacking = [key for key in _PROVENANCE_KEYS if key not in provenance]
    if lacking:
        raise UserError(
            f"{directory / 'provenance.json'} has no {', '.join(lacking)}: python src/aggregate.py writes it"
        )
    together = len(runs) == int(cells["n"].sum()) == provenance["runs"] and set(history["run_id"]) <= set(
        runs["run_id"]
    )
    if not together:
        raise UserError(f"the files of {directory} do not belong together: python src/aggregate.py writes them again")
    return _study(runs, history, cells, provenance)


def _study(runs: pd.DataFrame, history: pd.DataFrame, cells: pd.DataFrame, provenance: dict[str, Any]) -> Study:
    columns = facet_columns(cells)
    curves = curves_table(runs, history)
    curves = curves.assign(series=series_labels(curves), facet=facet_labels(curves, columns))
    runs = runs.assign(series=series_labels(runs), facet=facet_labels(runs, columns), failed=is_failure(runs))
    cells = cells.assign(series=series_labels(cells), facet=facet_labels(cells, columns))
    classes = {data["name"]: int(data["classes"]) for data in provenance["data"]}
    facets = []
    for label, part in cells.groupby("facet", sort=False):
        own = runs[runs["facet"] == label]
        facets.append(
            Facet(
                label=str(label),
                cells=part.reset_index(drop=True),
                runs=own.reset_index(drop=True),
                curves=curves[curves["facet"] == label].reset_index(drop=True),
                history=history[history["run_id"].isin(own["run_id"])].reset_index(drop=True),
                chance=1 / classes[str(part["data"].iloc[0])],
            )
        )
    return Study(cells, provenance["study"], runs, facets, columns, provenance)
