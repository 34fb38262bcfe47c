"""Learning curves: validation accuracy against epoch."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from whyrelu.report.cell_panels import sequence_colour
from whyrelu.report.panels import (
    MOST_SERIES_IN_A_PANEL,
    Illustration,
    activation_panels,
    balanced_columns,
    depth_panels,
    draw_chance,
    named,
    panel_grid,
    percent_axis,
)
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import SeriesStyle, chance_entry, legend_above, legend_height, series_entry, style_of
from whyrelu.results.cells import validation_matrix

# Above so many points the single runs would make a figure of megabytes; the interval takes their place.
_MOST_POINTS = 40_000
# About so many markers on the line of a mean.
_MARKERS = 4

Around = Literal["runs", "interval", "nothing"]
_EXPLANATIONS: dict[Around, str] = {
    "runs": "Thick lines are means over all runs, failed ones included; thin lines are single runs",
    "interval": "Lines are means over all runs, failed ones included; bands are their 95% intervals",
    "nothing": "Lines are means over all runs, failed ones included",
}


def curves_figures(study: Study) -> list[Illustration]:
    """A figure per facet shown in detail: a panel per depth, or with many activations a panel per activation."""
    draw = _by_depth if len(study.series) <= MOST_SERIES_IN_A_PANEL else _by_series
    return [draw(facet) for facet in study.detailed]


def _by_depth(facet: Facet) -> Illustration:
    depths = facet.depths
    columns = balanced_columns(len(depths), 3)
    legend = [series_entry(name) for name in facet.series]
    figure, panels = panel_grid(
        len(depths),
        columns,
        row_height=(3.2, 2.4, 2.1)[columns - 1],
        extra_height=0.2 + legend_height(legend),
    )
    around: Around = "runs" if int(facet.runs["epochs"].sum()) <= _MOST_POINTS else "interval"
    for i, (depth, axes) in enumerate(zip(depths, panels, strict=True)):
        _prepare(axes, facet, label=(i + 1) % columns == 0 or i + 1 == len(depths))
        axes.set_title(f"depth {depth}")
        _label_axes(axes, i, columns, len(depths))
        for k, name in enumerate(facet.series):
            _draw_cell(axes, facet, name, depth, style_of(name), around, shift=k / len(facet.series))
    legend_above(figure, legend)
    return _illustration(facet, figure, around, depth_panels(depths))


def _by_series(facet: Facet) -> Illustration:
    columns = balanced_columns(len(facet.series), 4)
    colours = {depth: sequence_colour(i, len(facet.depths)) for i, depth in enumerate(facet.depths)}
    legend = [Line2D([], [], color=colour, label=f"depth {depth}") for depth, colour in colours.items()]
    legend.append(chance_entry())
    extra_height = 0.2 + legend_height(legend)
    figure, panels = panel_grid(len(facet.series), columns, row_height=1.6, extra_height=extra_height)
    for i, (name, axes) in enumerate(zip(facet.series, panels, strict=True)):
        _prepare(axes, facet, label=False)
        axes.set_title(name, color=style_of(name).colour)
        _label_axes(axes, i, columns, len(facet.series))
        for depth, colour in colours.items():
            _draw_cell(axes, facet, name, depth, SeriesStyle(colour, "", "-"), "nothing")
    legend_above(figure, legend)
    return _illustration(facet, figure, "nothing", activation_panels(facet.depths))


def _prepare(axes: Axes, facet: Facet, label: bool) -> None:
    percent_axis(axes, 0)
    last = int(facet.curves["epoch"].max())
    axes.set_xlim(*((1, last) if last > 1 else (0.5, 1.5)))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True) if last > 1 else FixedLocator([1]))
    draw_chance(axes, facet.chance, label)


def _label_axes(axes: Axes, index: int, columns: int, count: int) -> None:
    if index + columns >= count:
        axes.set_xlabel("epoch")
    if index % columns == 0:
        axes.set_ylabel("validation accuracy, %")


def _draw_cell(
    axes: Axes, facet: Facet, series: str, depth: int, style: SeriesStyle, around: Around, shift: float = 0
) -> None:
    """The mean of a cell over its runs, on top of single runs or of the interval.

    Markers stand every few epochs, `shift` (from 0 to 1) of the way to the next, so that those of lines that coincide
    do not hide each other.
    """
    curve = facet.curves[(facet.curves["series"] == series) & (facet.curves["depth"] == depth)]
    if curve.empty:
        return
    epoch = curve["epoch"].to_numpy()
    if around == "runs":
        runs = facet.runs[(facet.runs["series"] == series) & (facet.runs["depth"] == depth)]
        _draw_runs(axes, runs, facet.history, style.colour)
    elif around == "interval":
        axes.fill_between(epoch, curve["low"] * 100, curve["high"] * 100, color=style.colour, alpha=0.2, linewidth=0)
    mean = curve["val_accuracy"] * 100
    step = -(-len(epoch) // _MARKERS)
    axes.plot(
        epoch,
        mean,
        color=style.colour,
        linestyle=style.line,
        linewidth=2,
        marker=style.marker or ("o" if len(epoch) == 1 else None),
        markevery=(int(shift * step), step),
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.6,
        zorder=3,
    )


def _draw_runs(axes: Axes, runs: pd.DataFrame, history: pd.DataFrame, colour: str) -> None:
    own = history[history["run_id"].isin(runs["run_id"])]
    matrix = validation_matrix(runs.reset_index(drop=True), own)
    epoch = np.arange(1, matrix.shape[1] + 1)
    segments = [np.column_stack([epoch, row * 100]) for row in matrix]
    axes.add_collection(LineCollection(segments, colors=colour, linewidths=0.5, alpha=0.25), autolim=False)


def _illustration(facet: Facet, figure: Figure, around: Around, panels: str) -> Illustration:
    last = int(facet.curves["epoch"].max())
    of = f" with {facet.label}" if facet.label else ""
    diverged = " A diverged run goes on at its last value." if (facet.runs["status"] == "diverged").any() else ""
    return Illustration(
        named("learning-curves", facet.slug),
        figure,
        f"Validation accuracy from epoch 1 to {last} per activation and depth{of}.",
        f"Validation accuracy after every epoch{of}, {panels}. {_EXPLANATIONS[around]}.{diverged}",
    )
