"""Failed runs per cell, with the interval of their share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from whyrelu.report.panels import Illustration, balanced_columns, panel_grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, TEXT
from whyrelu.statistics.proportions import wilson_interval

_SHADES = LinearSegmentedColormap.from_list("failures", ["#ffffff", "#f3c79c", "#c8501c", "#7a2a06"])


def failures_figure(study: Study) -> Illustration:
    """A matrix per facet, activation x depth: how many of the runs failed."""
    count = len(study.facets)
    widest = max(len(name) for name in study.series)
    columns = balanced_columns(count, 1 if len(study.depths) > 6 or widest > 24 else 2 if len(study.depths) > 3 else 3)
    height = 0.4 * len(study.series) + 0.55
    figure, panels = panel_grid(count, columns, row_height=height, extra_height=0.1, share_y=False)
    for i, (facet, axes) in enumerate(zip(study.facets, panels, strict=True)):
        _draw(axes, study, facet, names=i % columns == 0)
    return failures_illustration(study, figure)


def failures_illustration(study: Study, figure: Figure) -> Illustration:
    """The figure with its words."""
    failed, total = int(study.cells["failures"].sum()), int(study.cells["n"].sum())
    return Illustration(
        "failures",
        figure,
        f"{failed} of {total} runs failed; the table of cells has the same numbers.",
        f"Failed runs / all runs of each cell, and the 95% interval of the share that fails (Wilson's); in all, "
        f"{failed} of {total} runs failed.",
    )


def draw_box(axes: Axes, x: int, y: int, cell: Mapping[Any, Any] | None, one_line: bool = False) -> None:
    """One cell of a matrix, in a shade of the share that failed.

    Args:
        axes: to draw on.
        x: column.
        y: row.
        cell: a row of cells.parquet, None if it was not run.
        one_line: whether the interval stands beside the count, and not below it.
    """
    if cell is None:
        axes.text(x, y, "not run", ha="center", va="center", color=FAINT, fontsize=7.5)
        return
    share = cell["failures"] / cell["n"]
    box = Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=_SHADES(share), edgecolor="#d0d0d0", linewidth=0.6)
    axes.add_patch(box)
    low, high = wilson_interval(int(cell["failures"]), int(cell["n"]))
    interval = f"{100 * low:.0f}-{100 * high:.0f}%"
    colour = "white" if share > 0.5 else TEXT
    count = f"{cell['failures']}/{cell['n']}"
    # beside each other, or the interval below the count
    for text, dx, dy, size in (
        (count, -0.2 * one_line, -0.18 * (not one_line), 8.5),
        (interval, 0.2 * one_line, 0.22 * (not one_line), 7),
    ):
        axes.text(x + dx, y + dy, text, ha="center", va="center", color=colour, fontsize=size)


def _draw(axes: Axes, study: Study, facet: Facet, names: bool) -> None:
    rows, columns = study.series, study.depths
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(len(columns)), [str(depth) for depth in columns])
    axes.set_yticks(range(len(rows)), rows if names else [""] * len(rows))
    axes.set_xlabel("depth")
    axes.set_title(facet.label)
    cells = {(cell["depth"], cell["series"]): cell for cell in facet.cells.to_dict("records")}
    for x, depth in enumerate(columns):
        for y, name in enumerate(rows):
            draw_box(axes, x, y, cells.get((depth, name)))
