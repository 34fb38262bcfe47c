"""The headline figure: test accuracy against depth, with every run as a point."""

from __future__ import annotations

from typing import Any

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
from whyrelu.report.settings_figure import settings_accuracy_figure
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, GRID, TEXT, chance_entry, legend_above, legend_height, series_entry, style_of
from whyrelu.report.text import percent

# Part of the distance between two depths over which the activations of one depth are spread.
_SPREAD = 0.76
_WIDEST = 0.2
# Part of an activation's width over which its single runs are spread.
_RUNS = 0.7
# Above so many lines a figure is not told in words.
_MOST_IN_WORDS = 12


def accuracy_figures(study: Study) -> list[Illustration]:
    """One figure with a panel per facet, or a row for each of many; with many activations a figure per facet."""
    if study.is_compact:
        return [settings_accuracy_figure(study)]
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
    for between in range(1, len(depths)):
        axes.axvline(between - 0.5, color=GRID, linewidth=0.8, zorder=0)
    draw_chance(axes, facet.chance, label)


def _cells(facet: Facet, depths: list[int], series: str) -> tuple[np.ndarray, pd.DataFrame]:
    cells = facet.cells[facet.cells["series"] == series].sort_values("depth")
    return np.array([depths.index(depth) for depth in cells["depth"]], dtype=float), cells


def _draw_series(
    axes: Axes, facet: Facet, depths: list[int], series: str, centre: float, width: float, size: float = 6
) -> None:
    """Runs to the left of `centre`, their mean and interval to the right, so that neither hides the other.

    The runs of a cell stand beside each other in the order of their accuracy, so that equal ones are told apart.
    """
    style = style_of(series)
    runs = facet.runs[facet.runs["series"] == series]
    at = (
        np.array([depths.index(depth) for depth in runs["depth"]])
        + centre
        + width * (place_in_cell(runs) * _RUNS - 0.5)
    )
    accuracy, failed = runs["test_accuracy"].to_numpy() * 100, runs["failed"].to_numpy()
    dots: dict[str, Any] = {"color": style.colour, "alpha": 0.7, "linestyle": ""}
    axes.plot(
        at[~failed],
        accuracy[~failed],
        marker=style.marker,
        markersize=3.2,
        markeredgecolor="white",
        markeredgewidth=0.3,
        **dots,
    )
    axes.plot(at[failed], accuracy[failed], marker="x", markersize=3.5, markeredgewidth=0.8, **dots)
    positions, cells = _cells(facet, depths, series)
    positions += centre + width * _RUNS / 2
    mean = cells["mean"].to_numpy() * 100
    axes.plot(positions, mean, color=style.colour, linestyle=style.line, linewidth=0.9, alpha=0.7)
    axes.vlines(positions, cells["low"] * 100, cells["high"] * 100, color=style.colour, linewidth=1.8)
    axes.plot(positions, mean, style.marker, color=style.colour, markersize=size, markeredgecolor="white", zorder=3)


def place_in_cell(runs: pd.DataFrame) -> np.ndarray:
    """Where a run stands among those of its depth, between 0 and 1, by the rank of its accuracy. Shape (runs,)."""
    groups = runs.groupby("depth")["test_accuracy"]
    rank = groups.rank(method="first").to_numpy()
    return np.asarray((rank - 0.5) / groups.transform("size").to_numpy())


def _run_entries(runs: pd.DataFrame) -> list[Line2D]:
    entries = [Line2D([], [], color=TEXT, marker="o", markersize=3, linestyle="", alpha=0.7, label="one run (small)")]
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
    runs = "small ones are the runs, side by side in the order of their accuracy"
    lines = " The lines between depths only guide the eye." if len(study.depths) > 1 else ""
    return f"{marks}; {runs}.{lines}{below}"


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
