"""The headline figure: test accuracy against depth, with every run as a point."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from whyrelu.report.panels import (
    MOST_SERIES_IN_A_PANEL,
    Illustration,
    balanced_columns,
    draw_chance,
    lowest_percent,
    named,
    panel_grid,
    percent_axis,
)
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, TEXT, chance_entry, legend_above, legend_height, series_entry, style_of
from whyrelu.report.text import percent

# Part of the distance between two depths over which the activations of one depth are spread.
_SPREAD = 0.62
_WIDEST = 0.16
# Above so many lines a figure is not told in words.
_MOST_IN_WORDS = 12


def accuracy_figures(study: Study) -> list[Illustration]:
    """One figure with a panel per facet; with many activations one per facet, with a panel per activation."""
    if len(study.series) <= MOST_SERIES_IN_A_PANEL:
        return [_by_facet(study)]
    return [_by_series(study, facet) for facet in study.facets]


def _by_facet(study: Study) -> Illustration:
    count = len(study.facets)
    columns = balanced_columns(count, 2 if len(study.depths) > 5 else 3)
    legend = [series_entry(name) for name in study.series] + _run_entries(study.runs)
    figure, panels = panel_grid(
        count,
        columns,
        row_height=(3.6, 2.9, 2.4)[columns - 1],
        extra_height=0.2 + legend_height(legend),
    )
    lowest = lowest_percent(study.runs["test_accuracy"].to_numpy())
    for i, (facet, axes) in enumerate(zip(study.facets, panels, strict=True)):
        _prepare(axes, facet, study.depths, lowest, label=(i + 1) % columns == 0 or i + 1 == count)
        axes.set_title(facet.label)
        axes.set_xlabel("depth (convolution layers)")
        if i % columns == 0:
            axes.set_ylabel("test accuracy, %")
        width = min(_SPREAD / len(study.series), _WIDEST)
        for k, name in enumerate(study.series):
            centre = (k - (len(study.series) - 1) / 2) * width
            _draw_series(axes, facet, study.depths, name, centre, width)
    legend_above(figure, legend)
    return Illustration("accuracy", figure, _alternative(study.facets), _caption(study, lowest))


def _by_series(study: Study, facet: Facet) -> Illustration:
    columns = balanced_columns(len(facet.series), 4)
    figure, panels = panel_grid(len(facet.series), columns, row_height=1.6, extra_height=0.5)
    lowest = lowest_percent(facet.runs["test_accuracy"].to_numpy())
    for i, (name, axes) in enumerate(zip(facet.series, panels, strict=True)):
        _prepare(axes, facet, study.depths, lowest, label=False)
        for other in facet.series:
            positions, cells = _cells(facet, study.depths, other)
            axes.plot(positions, cells["mean"] * 100, color=FAINT, alpha=0.35, linewidth=0.7, zorder=1)
        _draw_series(axes, facet, study.depths, name, centre=0, width=0.4, size=4.5)
        axes.set_title(name, color=style_of(name).colour)
        if i + columns >= len(facet.series):
            axes.set_xlabel("depth")
        if i % columns == 0:
            axes.set_ylabel("test accuracy, %")
    others = Line2D([], [], color=FAINT, alpha=0.5, linewidth=0.8, label="means of the other activations")
    legend_above(figure, [*_run_entries(facet.runs), others, chance_entry()])
    return Illustration(named("accuracy", facet.slug), figure, _alternative([facet]), _caption(study, lowest))


def _prepare(axes: Axes, facet: Facet, depths: list[int], lowest: float, label: bool) -> None:
    percent_axis(axes, lowest)
    axes.set_xlim(-0.5, len(depths) - 0.5)
    axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    axes.tick_params(axis="x", length=0)
    draw_chance(axes, facet.chance, label)


def _cells(facet: Facet, depths: list[int], series: str) -> tuple[np.ndarray, pd.DataFrame]:
    cells = facet.cells[facet.cells["series"] == series].sort_values("depth")
    return np.array([depths.index(depth) for depth in cells["depth"]], dtype=float), cells


def _draw_series(
    axes: Axes, facet: Facet, depths: list[int], series: str, centre: float, width: float, size: float = 6
) -> None:
    """Runs to the left of `centre`, their mean and interval to the right, so that neither hides the other."""
    style = style_of(series)
    runs = facet.runs[facet.runs["series"] == series]
    at = np.array([depths.index(depth) for depth in runs["depth"]]) + centre - 0.25 * width
    accuracy, failed = runs["test_accuracy"].to_numpy() * 100, runs["failed"].to_numpy()
    axes.plot(at[~failed], accuracy[~failed], "o", color=style.colour, alpha=0.45, markersize=3, markeredgewidth=0)
    axes.plot(at[failed], accuracy[failed], "x", color=style.colour, alpha=0.6, markersize=3.5, markeredgewidth=0.9)
    positions, cells = _cells(facet, depths, series)
    positions += centre + 0.25 * width
    mean = cells["mean"].to_numpy() * 100
    axes.plot(positions, mean, color=style.colour, linestyle=style.line, linewidth=0.9, alpha=0.7)
    axes.vlines(positions, cells["low"] * 100, cells["high"] * 100, color=style.colour, linewidth=1.8)
    axes.plot(positions, mean, style.marker, color=style.colour, markersize=size, markeredgecolor="white", zorder=3)


def _run_entries(runs: pd.DataFrame) -> list[Line2D]:
    entries = [Line2D([], [], color=TEXT, marker="o", markersize=3, linestyle="", alpha=0.6, label="one run")]
    if runs["failed"].any():
        entries.append(
            Line2D([], [], color=TEXT, marker="x", markersize=4, linestyle="", alpha=0.8, label="one failed run")
        )
    return entries


def _caption(study: Study, lowest: float) -> str:
    marks = "Large markers are means over all runs of a cell, failed ones included, with 95% intervals"
    marks += "" if study.cells["n"].max() > 1 else " (none here, because a single run has none)"
    levels = " or ".join(sorted({percent(facet.chance) for facet in study.facets}))
    below = f" The axis starts at {lowest:.0f}%; chance ({levels}) is below it." if lowest > 0 else ""
    return f"{marks}; small ones are the runs. The lines between depths only guide the eye.{below}"


def _alternative(facets: list[Facet]) -> str:
    if len(facets) * len(facets[0].series) > _MOST_IN_WORDS:
        return "Mean test accuracy against depth; the table below has the numbers."
    parts = []
    for facet in facets:
        lines = []
        for name in facet.series:
            _, cells = _cells(facet, facet.depths, name)
            ends = [f"{percent(row['mean'])} at depth {row['depth']}" for _, row in cells.iloc[[0, -1]].iterrows()]
            lines.append(f"{name} {' and '.join(dict.fromkeys(ends))}")
        parts.append((f"{facet.label}: " if facet.label else "") + ", ".join(lines))
    return f"Mean test accuracy against depth: {'; '.join(parts)}."
