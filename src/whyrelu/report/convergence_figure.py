"""Steps to a validation accuracy: Kaplan and Meier's curves, with the runs that never reach it censored."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from whyrelu.report.cell_panels import CellLine, CellPanel, CellPanels, cell_panels
from whyrelu.report.panels import (
    MOST_SERIES_IN_A_PANEL,
    Illustration,
    balanced_columns,
    named,
    panel_grid,
    percent_axis,
)
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import TEXT, legend_above, legend_height
from whyrelu.report.text import at_depths, listing, percent, plural
from whyrelu.results.convergence import censored
from whyrelu.statistics.survival import kaplan_meier

# Depths beside each other; of more of them so many are shown, both ends among them.
_MOST_DEPTHS = 5


def convergence_figures(study: Study) -> list[Illustration]:
    """A figure per facet shown in detail: thresholds in rows, depths in columns."""
    return [_figure(facet) for facet in study.detailed if not facet.convergence.empty]


def _figure(facet: Facet) -> Illustration:
    sheet = cell_panels(facet)
    thresholds = sorted(float(threshold) for threshold in facet.convergence["threshold"].unique())
    by_depth = len(facet.series) <= MOST_SERIES_IN_A_PANEL
    panels = _spread(sheet.panels) if by_depth else sheet.panels
    # rows to which no run gets would be empty; with a panel per activation there is room for one threshold
    middle = facet.middle_threshold
    shown = thresholds[:1] if middle is None else facet.reached if by_depth else [middle]
    columns = len(panels) if by_depth else balanced_columns(len(panels), sheet.most_columns)
    legend = [*sheet.legend, _censored_entry()]
    height = {1: 2.4, 2: 2.0}.get(columns, 1.6)
    figure, grid = panel_grid(len(shown) * len(panels), columns, height, 0.3 + legend_height(legend))
    last = int(facet.runs["steps"].max())
    pairs = [(threshold, panel) for threshold in shown for panel in panels]
    for i, ((threshold, panel), axes) in enumerate(zip(pairs, grid, strict=True)):
        _prepare(axes, last)
        axes.set_title(_title(panel, threshold, by_depth), color=panel.colour)
        if i % columns == 0:
            axes.set_ylabel("runs, %")
        if i + columns >= len(pairs):
            axes.set_xlabel("training step")
        rows = facet.convergence[facet.convergence["threshold"] == threshold]
        for k, line in enumerate(panel.lines):
            _draw(axes, rows, line, k, len(panel.lines), last)
    legend_above(figure, legend)
    missed = [threshold for threshold in thresholds if threshold not in shown] if by_depth else []
    return _illustration(facet, figure, sheet, shown, missed, panels if by_depth else None)


def _spread(panels: list[CellPanel]) -> list[CellPanel]:
    if len(panels) <= _MOST_DEPTHS:
        return panels
    return [panels[i] for i in np.unique(np.linspace(0, len(panels) - 1, _MOST_DEPTHS).round().astype(int))]


def _title(panel: CellPanel, threshold: float, by_depth: bool) -> str:
    return f"{panel.title}, to {threshold * 100:g}%" if by_depth else panel.title


def _prepare(axes: Axes, last: int) -> None:
    percent_axis(axes, 0)
    axes.set_yticks([0, 50, 100])
    axes.set_xlim(0, last * 1.04 if last else 1)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw(axes: Axes, rows: pd.DataFrame, line: CellLine, index: int, count: int, last: int) -> None:
    """The share of runs that have reached a threshold, with its interval, and up to when the others were followed."""
    own = rows[(rows["series"] == line.series) & (rows["depth"] == line.depth)]
    if own.empty:
        return
    style = line.style
    times = censored(own, last)
    curve = kaplan_meier(times)
    share = 100 * (1 - curve.survival)
    known = np.isfinite(curve.low) & np.isfinite(curve.high)
    if known.any():
        low, high = (100 * (1 - end[known]) for end in (curve.high, curve.low))
        axes.fill_between(curve.times[known], low, high, step="post", color=style.colour, alpha=0.12, linewidth=0)
    axes.step(
        np.append(curve.times, max(last, curve.times[-1])) if times.reached.all() else curve.times,
        np.append(share, share[-1]) if times.reached.all() else share,
        where="post",
        color=style.colour,
        linestyle=style.line,
        # thinner from line to line, so that equal ones are seen below each other
        linewidth=1.2 + 0.8 * (count - 1 - index),
    )
    ends = np.unique(times.times[~times.reached])
    if len(ends) == 0:
        return
    level = share[np.searchsorted(curve.times, ends, side="right") - 1]
    axes.plot(
        ends,
        level,
        marker=style.marker,
        linestyle="",
        color=style.colour,
        markerfacecolor="white",
        markersize=3.5 + 1.3 * (count - 1 - index),
        markeredgewidth=1,
        clip_on=False,
        zorder=3,
    )


def _censored_entry() -> Line2D:
    return Line2D(
        [],
        [],
        color=TEXT,
        marker="o",
        markerfacecolor="white",
        markersize=5,
        linestyle="",
        label="not reached in the end (censored)",
    )


def _illustration(
    facet: Facet,
    figure: Figure,
    sheet: CellPanels,
    shown: list[float],
    missed: list[float],
    panels: list[CellPanel] | None,
) -> Illustration:
    where = f" with {facet.label}" if facet.label else ""
    levels = _levels(shown, "and")
    rows = "; rows are thresholds" if len(shown) > 1 and panels else ""
    left = len(facet.depths) - len(panels) if panels is not None else 0
    none = f" No run reaches {_levels(missed, 'or')} twice in a row." if missed else ""
    note = f" {plural(left, 'depth')} in between are left out." if left else ""
    return Illustration(
        named("convergence", facet.slug),
        figure,
        f"Share of runs that have reached a validation accuracy of {levels}, against the training step{where}.",
        f"Share of runs that have reached a validation accuracy of {levels} on two evaluations in a row, against the "
        f"training step{where}, {sheet.explanation}{rows} (Kaplan and Meier's estimate; bands: pointwise 95% "
        f"intervals). Runs that never get there are counted to the end, those that diverged too: an open marker.{note} "
        f"{_reached_sentence(facet, shown[-1])}{none}",
    )


def _levels(thresholds: list[float], conjunction: str) -> str:
    return listing([f"{threshold * 100:g}%" for threshold in thresholds], conjunction)


def _reached_sentence(facet: Facet, threshold: float) -> str:
    rows = facet.convergence[(facet.convergence["threshold"] == threshold)]
    shares = rows.groupby("series")["reached"].mean()
    told = ", ".join(f"{name} {percent(float(shares[name]))}" for name in facet.series if name in shares.index)
    tried = sorted({int(depth) for depth in rows["depth"]})
    together = " together" if len(tried) > 1 else ""
    return f"Runs that reach {threshold * 100:g}% in the end, {at_depths(tried)}{together}: {told}."
