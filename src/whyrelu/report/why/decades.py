"""The figure of decades of gradient lost at init against depth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, Illustration, balanced_columns, named, panel_grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, TEXT, legend_above, legend_height, style_of
from whyrelu.report.why.profiles import darkened, theory_entry
from whyrelu.report.why.words import of

# Part of the smallest distance between two depths over which the activations of one depth are spread.
_SPREAD = 0.6
# And of the whole axis.
_MOST_SPREAD = 0.04
# The vertical axis spans at least so many decades, so that small differences look small.
_LEAST_SPAN = 1.0


def decades_figures(study: Study) -> list[Illustration]:
    """A panel per facet with all activations; with many activations a figure per facet and a panel per activation."""
    facets = [facet for facet in study.inspected if _runs(facet)["gradient_decades_init"].notna().any()]
    if not facets:
        return []
    if len(study.series) <= MOST_SERIES_IN_A_PANEL:
        panels = [(facet.label, TEXT, facet, facet.series) for facet in facets]
        return [_figure(panels, balanced_columns(len(panels), 2), "")]
    return [
        _figure(
            [(name, style_of(name).colour, facet, [name]) for name in facet.series],
            balanced_columns(len(facet.series), 4),
            facet.slug,
        )
        for facet in facets
    ]


def _runs(facet: Facet) -> pd.DataFrame:
    return facet.runs[facet.runs["depth"] > 1]


def _figure(panels: list[tuple[str, str, Facet, list[str]]], columns: int, slug: str) -> Illustration:
    many = all(len(series) == 1 for *_, series in panels) and len(panels) > 1
    names = list(dict.fromkeys(name for *_, series in panels for name in series))
    runs = Line2D([], [], color=TEXT, marker="o", markersize=3, linestyle="", alpha=0.7, label="one run")
    legend = [runs, theory_entry()] if many else [*map(_entry, names), runs, theory_entry()]
    height = 1.7 if columns > 2 else 2.7
    figure, grid = panel_grid(len(panels), columns, height, 0.3 + legend_height(legend))
    missing = total = 0
    for i, ((title, colour, facet, series), axes) in enumerate(zip(panels, grid, strict=True)):
        axes.set_title(title, color=colour)
        if i + columns >= len(panels):
            axes.set_xlabel("depth (convolution layers)" if columns < 3 else "depth")
        if i % columns == 0:
            axes.set_ylabel("decades lost")
        for k, name in enumerate(series):
            lost, count = _draw(axes, facet, name, k - (len(series) - 1) / 2, len(series))
            missing, total = missing + lost, total + count
        _ticks(axes, facet)
    low, high = grid[0].get_ylim()
    lacking = max(0.0, _LEAST_SPAN - (high - low)) / 2
    grid[0].set_ylim(low - lacking, high + lacking)
    legend_above(figure, legend)
    where = of(panels[0][2]) if slug else ""
    note = f" {missing} of {total} runs have no such number: a gradient is exactly 0 or not finite." if missing else ""
    return Illustration(
        named("gradient-decades", slug),
        figure,
        f"Decades of gradient lost at init against depth{where}, with the theory; the table has the numbers.",
        f"Decades of gradient lost between the last layer and the first at init{where}, every run a point, theory "
        f"dashed; activations are moved sideways a little, to be told apart. A straight line is an exponential in "
        f"depth.{note}",
    )


def _entry(name: str) -> Line2D:
    style = style_of(name)
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=4, linestyle="", label=name)


def _ticks(axes: Axes, facet: Facet) -> None:
    """Every depth, unless its number would touch the one before it."""
    depths = [depth for depth in facet.depths if depth > 1]
    least = (max(depths) - min(depths)) / 25
    shown: list[int] = []
    for depth in depths:
        if not shown or depth - shown[-1] > least:
            shown.append(depth)
    axes.set_xticks(shown)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=1)


def _draw(axes: Axes, facet: Facet, series: str, place: float, count: int) -> tuple[int, int]:
    """The runs and the prediction of an activation; return how many runs have no number, and how many there are."""
    style = style_of(series)
    runs = _runs(facet)
    gaps = np.diff(sorted(set(runs["depth"])))
    width = min(_SPREAD * float(gaps.min()), _MOST_SPREAD * float(gaps.sum())) / count if len(gaps) else 0.1
    own = runs[runs["series"] == series]
    axes.plot(
        own["depth"] + place * width,
        own["gradient_decades_init"],
        color=style.colour,
        marker=style.marker,
        markersize=4,
        markeredgecolor="white",
        markeredgewidth=0.4,
        alpha=0.75,
        linestyle="",
    )
    theory = facet.theory[(facet.theory["series"] == series) & (facet.theory["layer"] == 1)]
    theory = theory[(theory["depth"] > 1) & (theory["gradient_relative"] > 0)].sort_values("depth")
    axes.plot(
        theory["depth"] + place * width,
        -np.log10(theory["gradient_relative"].to_numpy()),
        color=darkened(style.colour),
        linewidth=1,
        linestyle=(0, (4, 2)),
        zorder=1.5,
    )
    return int(own["gradient_decades_init"].isna().sum()), len(own)
