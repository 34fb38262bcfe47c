"""Figures of a quantity against the layer: which panels and lines there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.lines import Line2D

from whyrelu.report.cell_panels import sequence_colour
from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, activation_panels, balanced_columns, depth_panels
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import TEXT, SeriesStyle, series_entry, style_of
from whyrelu.report.why.moments import MOMENTS, Moment, at_moment, moment_title, moments_of
from whyrelu.report.why.words import of

# More rows of panels than this are split into one figure per facet.
_MOST_ROWS = 4


@dataclass(frozen=True)
class Line:
    """One line of a panel: the rows of profiles.parquet of a cell at one epoch, layers ascending, and its style."""

    rows: pd.DataFrame
    style: SeriesStyle


@dataclass(frozen=True)
class Panel:
    """One panel: its title, the title's colour, and its lines."""

    title: str
    colour: str
    lines: list[Line]


@dataclass(frozen=True)
class Sheet:
    """The panels of one figure.

    Attributes:
        slug: part of the file's name, empty for the only figure of its kind.
        panels: row by row.
        columns: panels in a row.
        legend: entries for the lines.
        explanation: what the panels and lines are, e.g. "one panel per depth".
    """

    slug: str
    panels: list[Panel]
    columns: int
    legend: list[Line2D]
    explanation: str


def depth_sheets(study: Study, moment: Moment = "init") -> list[Sheet]:
    """All depths above 1 at one moment: a panel per depth, per facet at the deepest, or per activation."""
    facets = [facet for facet in study.inspected if max(facet.depths) > 1]
    if len(study.series) > MOST_SERIES_IN_A_PANEL:
        return [_depths_by_series(facet, moment) for facet in facets]
    panels = []
    if len(study.inspected) == 1:
        chosen = [(facet, depth) for facet in facets for depth in facet.depths if depth > 1]
        panels = [Panel(f"depth {depth}", TEXT, _series_lines(facet, moment, depth)) for facet, depth in chosen]
        explanation = depth_panels([depth for _, depth in chosen])
    else:
        for facet in facets:
            title = f"{facet.label}, depth {facet.deepest}"
            panels.append(Panel(title, TEXT, _series_lines(facet, moment, facet.deepest)))
        explanation = "one panel per setting, at the largest depth that all activations have"
    columns = balanced_columns(len(panels), 2 if len(panels) in (2, 4) else 3)
    legend = [series_entry(name) for name in study.series]
    return [Sheet("", panels, columns, legend, explanation)] if panels else []


def moment_sheets(study: Study, wanted: Sequence[Moment] = MOMENTS) -> list[Sheet]:
    """The deepest nets at several moments: a panel per moment, facets in rows; or a panel per activation."""
    facets = [facet for facet in study.inspected if facet.deepest > 1]
    if len(study.series) > MOST_SERIES_IN_A_PANEL:
        return [_moments_by_series(facet, moments_of(facet, wanted)) for facet in facets]
    groups = [facets] if len(facets) <= _MOST_ROWS else [[facet] for facet in facets]
    sheets = []
    for group in groups:
        moments = [moment for moment in wanted if any(moment in moments_of(facet, wanted) for facet in group)]
        panels = []
        for facet in group:
            epochs = int(facet.profiles["epochs"].max())
            for moment in moments:
                title = row_title(moment_title(moment, epochs), facet, first=moment == moments[0])
                panels.append(Panel(title, TEXT, _series_lines(facet, moment, facet.deepest)))
        if not panels:
            continue
        rows = ", one row per setting" if len(group) > 1 else of(group[0])
        depths = " or ".join(sorted({str(facet.deepest) for facet in group}, key=int))
        explanation = f"nets of depth {depths}, one panel per moment of training{rows}"
        slug = group[0].slug if len(groups) > 1 else ""
        sheets.append(Sheet(slug, panels, len(moments), [series_entry(name) for name in study.series], explanation))
    return sheets


def row_title(title: str, facet: Facet, first: bool) -> str:
    """The title of a panel in a row that belongs to a facet; the first one has the facet above it."""
    return f"{facet.label}\n{title}" if facet.label and first else title


def _series_lines(facet: Facet, moment: Moment, depth: int) -> list[Line]:
    return [Line(_rows(facet, moment, name, depth), style_of(name)) for name in facet.series]


def _rows(facet: Facet, moment: Moment, series: str, depth: int) -> pd.DataFrame:
    rows = at_moment(facet.profiles, moment)
    return rows[(rows["series"] == series) & (rows["depth"] == depth)].sort_values("layer")


def _depths_by_series(facet: Facet, moment: Moment) -> Sheet:
    depths = [depth for depth in facet.depths if depth > 1]
    colours = {depth: sequence_colour(i, len(depths)) for i, depth in enumerate(depths)}
    panels = [
        Panel(
            name,
            style_of(name).colour,
            [Line(_rows(facet, moment, name, d), SeriesStyle(colour, "", "-")) for d, colour in colours.items()],
        )
        for name in facet.series
    ]
    legend = [Line2D([], [], color=colour, label=f"depth {depth}") for depth, colour in colours.items()]
    explanation = f"{activation_panels(depths)}{of(facet)}"
    return Sheet(facet.slug, panels, balanced_columns(len(panels), 4), legend, explanation)


def _moments_by_series(facet: Facet, moments: list[Moment]) -> Sheet:
    epochs = int(facet.profiles["epochs"].max())
    colours = {moment: sequence_colour(i, len(moments)) for i, moment in enumerate(moments)}
    panels = [
        Panel(
            name,
            style_of(name).colour,
            [
                Line(_rows(facet, moment, name, facet.deepest), SeriesStyle(colour, "", "-"))
                for moment, colour in colours.items()
            ],
        )
        for name in facet.series
    ]
    legend = [Line2D([], [], color=colour, label=moment_title(moment, epochs)) for moment, colour in colours.items()]
    explanation = f"nets of depth {facet.deepest}{of(facet)}, one panel per activation, one line per moment of training"
    return Sheet(facet.slug, panels, balanced_columns(len(panels), 4), legend, explanation)
