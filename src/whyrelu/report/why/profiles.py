"""Figures of a quantity against the layer: drawing it on the panels of a sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from whyrelu.report.panels import panel_grid
from whyrelu.report.style import FAINT, TEXT, legend_above, legend_height
from whyrelu.report.why.sheets import Line, Sheet

# Up to so many layers each has a tick.
_ALL_TICKED = 8
# Of more layers so many have a tick, the first and the last among them.
_TICKS = 6
# About so many markers on a line.
_MARKERS = 16
# A logarithmic axis shows at least so many decades, so that small differences look small.
_LEAST_DECADES = 1.5
# Epsilon of float32, and what is near it.
ROUND_OFF = 2.0**-23
_NEAR_ROUND_OFF = 100 * ROUND_OFF


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
        ticks = deepest if deepest <= _ALL_TICKED else _TICKS
        axes.set_xticks(np.linspace(1, deepest, ticks).round())
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
