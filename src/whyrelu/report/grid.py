"""The tables on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from whyrelu.report.study import Study, factor_title, setting_rows
from whyrelu.report.text import MISSING, number
from whyrelu.results.labels import value_text
from whyrelu.results.tables import factor_columns


@dataclass(frozen=True)
class Grid:
    """A table as text.

    Attributes:
        header: of each column.
        names: how many of the columns, from the left, are names and not numbers.
        rows: the text of each row, as long as the header.
    """

    header: list[str]
    names: int
    rows: list[list[str]]


def accuracy_grid(study: Study) -> Grid:
    """Mean test accuracy in percent, activation x depth, with its failures; of many facets setting x activation."""
    if study.is_compact:
        return _settings_grid(study)
    facets = study.facet_columns
    rows = []
    for facet in study.facets:
        for name in facet.series:
            own = facet.cells[facet.cells["series"] == name].set_index("depth")
            values = [_mean_and_failures(own.loc[depth]) if depth in own.index else MISSING for depth in study.depths]
            rows.append([*_texts(own.iloc[0], facets), name, *values])
    header = [*map(factor_title, facets), "activation", *(f"depth {depth}" for depth in study.depths)]
    return Grid(header, len(facets) + 1, rows)


def _settings_grid(study: Study) -> Grid:
    """Mean test accuracy in percent, a row per setting and depth and a column per activation."""
    rows = []
    for row in setting_rows(study):
        cells = row.cells.set_index("series")
        texts = [_mean_and_failures(cells.loc[name]) if name in cells.index else MISSING for name in study.series]
        rows.append([row.name, *texts])
    return Grid(["setting", *study.series], 1, rows)


def cells_grid(study: Study) -> Grid:
    """All cells: factors that vary, runs, failures, and the statistics of test accuracy in percent."""
    names = [*study.facet_columns, *_further_columns(study)]
    header = [*study.facet_columns, "activation", "depth", *_further_columns(study)]
    rows = []
    for facet in study.facets:
        for _, cell in facet.cells.iterrows():
            factors = dict(zip(names, _texts(cell, names), strict=True))
            factors |= {"activation": cell["series"], "depth": str(cell["depth"])}
            interval = MISSING if pd.isna(cell["low"]) else f"{number(cell['low'])} to {number(cell['high'])}"
            statistics = [str(cell["n"]), _failures(cell), number(cell["mean"]), interval]
            rows.append([*(factors[name] for name in header), *statistics, number(cell["sd"]), number(cell["iqm"])])
    titles = [factor_title(name) for name in header]
    return Grid([*titles, "n", "failed", "mean", "95% interval", "sd", "IQM"], len(study.facet_columns) + 1, rows)


def _further_columns(study: Study) -> list[str]:
    """Factors that vary and still do not tell cells apart, such as a learning rate that goes with the optimizer."""
    shown = {"activation", "depth", *study.facet_columns}
    candidates = [name for name in factor_columns(study.cells.drop(columns=["series", "facet"])) if name not in shown]
    return [
        name
        for name in candidates
        if not name.startswith("activation.") and study.cells[name].nunique(dropna=False) > 1
    ]


def _texts(cell: pd.Series, columns: list[str]) -> list[str]:
    return [value_text(cell[name]) for name in columns]


def _mean_and_failures(cell: Any) -> str:
    failures = f" ({cell['failures']}/{cell['n']} failed)" if cell["failures"] else ""
    return f"{number(cell['mean'])}{failures}"


def _failures(cell: pd.Series) -> str:
    ways = {"diverged": cell["diverged"], "at chance": cell["at_chance"]}
    how = ", ".join(f"{count} {way}" for way, count in ways.items() if count)
    return f"{cell['failures']} ({how})" if how else "0"
