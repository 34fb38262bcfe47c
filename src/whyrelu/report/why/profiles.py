"""Figures of a quantity against the layer: which panels there are, and drawing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, balanced_columns, panel_grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, TEXT, SeriesStyle, legend_above, legend_height, series_entry, style_of
from whyrelu.report.why.moments import MOMENTS, Moment, at_moment, moment_title, moments_of
from whyrelu.report.why.words import of

# Layers that have a tick, the first and the last among them.
_TICKS = 6
# About so many markers on a line.
_MARKERS = 16
# More rows of panels than this are split into one figure per facet.
_MOST_ROWS = 4
# A logarithmic axis shows at least so many decades, so that small differences look small.
_LEAST_DECADES = 1.5
# Epsilon of float32, and what is near it.
ROUND_OFF = 2.0**-23
_NEAR_ROUND_OFF = 100 * ROUND_OFF


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


@dataclass(frozen=True)
class Quantity:
    """What is drawn, on a logarithmic axis.

    Attributes:
        column: of profiles.parquet.
        label: of the axis.
        theory: column of the prediction.
        low: column of the lower end of the band, if there is one.
        high: of the upper end.
        round_off: whether to mark where float32 ends.
    """

    column: str
    label: str
    theory: str
    low: str = ""
    high: str = ""
    round_off: bool = False


def depth_sheets(study: Study, moment: Moment = "init") -> list[Sheet]:
    """All depths above 1 at one moment: a panel per depth, per facet at the deepest, or per activation."""
    facets = [facet for facet in study.inspected if max(facet.depths) > 1]
    if len(study.series) > MOST_SERIES_IN_A_PANEL:
        return [_depths_by_series(facet, moment) for facet in facets]
    panels = []
    if len(study.facets) == 1:
        for facet in facets:
            chosen = [depth for depth in facet.depths if depth > 1]
            panels = [Panel(f"depth {depth}", TEXT, _series_lines(facet, moment, depth)) for depth in chosen]
        explanation = "one panel per depth"
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


def draw(sheet: Sheet, quantity: Quantity) -> Figure:
    """Draw a quantity on the panels of a sheet, with the prediction dashed."""
    legend = [*sheet.legend, *_further_entries(sheet, quantity)]
    rows = -(-len(sheet.panels) // sheet.columns)
    height = {1: 3.2, 2: 2.7, 3: 2.2}.get(sheet.columns, 1.75)
    height = max(height, 2.5) if rows == 1 else min(height, 2.0) if rows > 2 else height
    figure, panels = panel_grid(len(sheet.panels), sheet.columns, height, 0.3 + legend_height(legend))
    limits = _limits(sheet, quantity)
    count = len(sheet.panels)
    for i, (panel, axes) in enumerate(zip(sheet.panels, panels, strict=True)):
        log_axis(axes, *limits)
        axes.set_title(panel.title, color=panel.colour)
        deepest = max([int(line.rows["layer"].max()) for line in panel.lines if len(line.rows)] or [1])
        axes.set_xticks(np.unique(np.linspace(1, deepest, min(deepest, _TICKS)).round()))
        if i + sheet.columns >= count:
            axes.set_xlabel("layer")
        if i % sheet.columns == 0:
            axes.set_ylabel(quantity.label)
        if quantity.round_off and limits[0] <= ROUND_OFF:
            axes.axhline(ROUND_OFF, color=FAINT, linewidth=1, linestyle=":", zorder=1)
        for k, line in enumerate(panel.lines):
            _draw_line(axes, line, quantity, k, len(panel.lines))
    legend_above(figure, legend)
    return figure


def row_title(title: str, facet: Facet, first: bool) -> str:
    """The title of a panel in a row that belongs to a facet; the first one has the facet above it."""
    return f"{facet.label}\n{title}" if facet.label and first else title


def log_limits(values: np.ndarray) -> tuple[float, float]:
    """Ends of a logarithmic axis that holds all values that have a logarithm, and at least one and a half decades."""
    logarithms = np.log10(values[np.isfinite(values) & (values > 0)])
    if len(logarithms) == 0:
        return 0.1, 10.0
    low, high = float(logarithms.min()), float(logarithms.max())
    lacking = max(0.0, _LEAST_DECADES - (high - low)) / 2
    margin = lacking + 0.04 * max(high - low, _LEAST_DECADES)
    return 10 ** (low - margin), 10 ** (high + margin)


def log_axis(axes: Axes, low: float, high: float) -> None:
    """Let the vertical axis be logarithmic, with a few powers of ten."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_locator(NullLocator())


def darkened(colour: str) -> str:
    """A colour for the prediction that belongs to a line of this colour."""
    red, green, blue = to_rgb(colour)
    return to_hex((0.45 * red, 0.45 * green, 0.45 * blue))


def theory_entry() -> Line2D:
    """A legend's entry for predictions."""
    return Line2D([], [], color=TEXT, linewidth=1, linestyle=(0, (4, 2)), label="theory")


def undrawn_note(sheet: Sheet, quantity: Quantity) -> str:
    """How many values are exactly 0 and have no place on the axis; empty if none."""
    values = [line.rows[quantity.column].to_numpy() for panel in sheet.panels for line in panel.lines]
    zeros = int(sum((value == 0).sum() for value in values))
    if not zeros:
        return ""
    total = sum(len(value) for value in values)
    return f" {zeros} of {total} points are exactly 0 in at least one run (below what the precision can hold) and have \
no place on a logarithmic axis."


def sequence_colour(index: int, count: int) -> str:
    """A colour for the index-th of so many lines that have an order."""
    return to_hex(colormaps["viridis_r"](0.12 + 0.88 * index / max(1, count - 1)))


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
    explanation = f"one panel per activation, one line per depth{of(facet)}"
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


def _values(sheet: Sheet, quantity: Quantity) -> np.ndarray:
    columns = [name for name in (quantity.column, quantity.low, quantity.high, quantity.theory) if name]
    rows = [line.rows[columns].to_numpy("float64").ravel() for panel in sheet.panels for line in panel.lines]
    return np.concatenate(rows) if rows else np.empty(0)


def _limits(sheet: Sheet, quantity: Quantity) -> tuple[float, float]:
    """Ends of the vertical axis; the round-off is among them as soon as something comes near it."""
    values = _values(sheet, quantity)
    if quantity.round_off and (values[values > 0] < _NEAR_ROUND_OFF).any():
        values = np.append(values, ROUND_OFF)
    return log_limits(values)


def _further_entries(sheet: Sheet, quantity: Quantity) -> list[Line2D]:
    rows = [line.rows for panel in sheet.panels for line in panel.lines]
    entries = [theory_entry()] if any(part[quantity.theory].notna().any() for part in rows) else []
    if quantity.round_off and _limits(sheet, quantity)[0] <= ROUND_OFF:
        entries.append(Line2D([], [], color=FAINT, linewidth=1, linestyle=":", label="float32 round-off"))
    return entries


def _draw_line(axes: Axes, line: Line, quantity: Quantity, index: int, count: int) -> None:
    rows, style = line.rows, line.style
    if rows.empty:
        return
    layer, value = rows["layer"].to_numpy(), _positive(rows[quantity.column])
    if quantity.low:
        low, high = _positive(rows[quantity.low]), _positive(rows[quantity.high])
        axes.fill_between(layer, low, high, color=style.colour, alpha=0.18, linewidth=0)
    step = -(-len(layer) // _MARKERS)
    axes.plot(
        layer,
        value,
        color=style.colour,
        linestyle=style.line,
        # thinner from line to line, so that equal ones are seen below each other
        linewidth=1.3 + 0.8 * (count - 1 - index) * bool(style.marker),
        marker=style.marker or None,
        markersize=4,
        markeredgecolor="white",
        markeredgewidth=0.4,
        markevery=(index * step // count, step),
    )
    theory = _positive(rows[quantity.theory])
    axes.plot(layer, theory, color=darkened(style.colour), linewidth=1, linestyle=(0, (4, 2)), zorder=3)


def _positive(column: pd.Series) -> np.ndarray:
    values = column.to_numpy("float64")
    return np.where(values > 0, values, np.nan)
