"""Studies with many settings: test accuracy and failures in figures that have a row per setting and depth."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D

from whyrelu.report.failures_figure import draw_box, failures_illustration
from whyrelu.report.panels import Illustration
from whyrelu.report.study import Study, setting_rows
from whyrelu.report.style import FAINT, GRID, legend_above, legend_height, new_figure, style_of
from whyrelu.report.text import percent

# Part of the distance between two rows over which activations are spread.
_SPREAD = 0.75
_LONG = 12


def settings_accuracy_figure(study: Study) -> Illustration:
    """Mean test accuracy of every cell with its interval, a row per setting and depth."""
    rows = setting_rows(study)
    legend = [_entry(name) for name in study.series]
    step = max(0.26, 0.07 * len(study.series))
    figure = new_figure(step * len(rows) + 0.6 + legend_height(legend))
    axes = figure.subplots()
    offsets = (np.arange(len(study.series)) - (len(study.series) - 1) / 2) * _SPREAD / len(study.series)
    for i, row in enumerate(rows):
        if i:
            axes.axhline(i - 0.5, color=GRID, linewidth=0.8, zorder=0)
        for cell in row.cells.to_dict("records"):
            style, y = style_of(cell["series"]), i + offsets[study.series.index(cell["series"])]
            axes.hlines(y, cell["low"] * 100, cell["high"] * 100, color=style.colour, linewidth=1.4)
            axes.plot(
                cell["mean"] * 100,
                y,
                marker=style.marker,
                color=style.colour,
                markersize=4.5,
                markeredgecolor="white",
                markeredgewidth=0.5,
            )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x")
    axes.set_xlim(-2, 102)
    axes.set_xlabel("test accuracy, %")
    for chance in sorted({facet.chance for facet in study.facets}):
        axes.axvline(chance * 100, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    legend_above(figure, legend)
    levels = " or ".join(sorted({percent(facet.chance) for facet in study.facets}))
    return Illustration(
        "accuracy",
        figure,
        "Mean test accuracy of every cell, a row per setting; the table below has the numbers.",
        "Mean test accuracy over all runs of a cell, failed ones included, with its 95% interval: a row per setting, "
        f"the reference first, the others named by what differs from it. Dashed: chance ({levels}).",
    )


def settings_failures_figure(study: Study) -> Illustration:
    """How many runs failed: a row per setting and depth, a column per activation."""
    rows = setting_rows(study)
    figure = new_figure(0.27 * len(rows) + 0.6)
    axes = figure.subplots()
    for i, row in enumerate(rows):
        cells = {str(cell["series"]): cell for cell in row.cells.to_dict("records")}
        for k, name in enumerate(study.series):
            draw_box(axes, k, i, cells.get(name), one_line=True)
    axes.set_xlim(-0.5, len(study.series) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    # long names would touch each other
    names = [name.replace("_", "_\n") if len(name) > _LONG else name for name in study.series]
    axes.set_xticks(range(len(study.series)), names)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    return failures_illustration(study, figure)


def _entry(name: str) -> Line2D:
    style = style_of(name)
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=4.5, linestyle="", label=name)
