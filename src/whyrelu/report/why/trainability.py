"""Where theory says that signals survive, and what was learned there."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

from whyrelu.report.panels import Illustration, balanced_columns, draw_chance, panel_grid, percent_axis
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, TEXT, legend_above, legend_height, style_of
from whyrelu.report.text import plural
from whyrelu.report.why.part import Part
from whyrelu.report.why.words import where
from whyrelu.results.cells import learns

_DEFINITION = (
    "Depth in depth scales: the layers that a gradient crosses, divided by the depth scale xi (layers over which "
    "theory lets the squared gradient, and what tells images apart, change by a factor of e). 0: kept; above: "
    "vanishing; below 0: exploding. What zero padding loses at the border is left out, so a net a little below 0 may "
    "in fact keep its gradient: the table of decades has that in it."
)
# Within so many depth scales of 0 a signal changes little: its square by less than a factor of e.
_NEAR = 1.0
# Where Schoenholz et al. 2017 (arXiv 1611.01232) found that networks stop to train.
_LIMIT = 6.0
# An axis that spans more is logarithmic away from 0.
_LINEAR_SPAN = 12.0


def trainability_part(study: Study) -> Part | None:
    """Test accuracy against depth / xi for all cells; None if theory says nothing of any cell."""
    tables = [depth_scales(facet) for facet in study.facets]
    if all(table.empty for table in tables):
        return None
    pairs = [(facet, table) for facet, table in zip(study.facets, tables, strict=True) if not table.empty]
    if study.is_compact:
        sentences = [map_sentence(pd.concat([table for _, table in pairs]))]
    else:
        sentences = [where(facet) + map_sentence(table) for facet, table in pairs]
    return Part("Depth against theory", _DEFINITION, sentences, [_figure(study, pairs)])


def depth_scales(facet: Facet) -> pd.DataFrame:
    """The cells of a facet with the column `scales`, (depth - 1) / xi; those without a finite one are left out."""
    xi = facet.theory[facet.theory["layer"] == 1].set_index(["series", "depth"])["xi"]
    keys = pd.MultiIndex.from_frame(facet.cells[["series", "depth"]])
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = (facet.cells["depth"].to_numpy() - 1) / xi.reindex(keys).to_numpy()
    cells = facet.cells.assign(scales=scales)
    usable: pd.DataFrame = cells[np.isfinite(scales) & (cells["depth"] > 1)]
    return usable.reset_index(drop=True)


def map_sentence(cells: pd.DataFrame) -> str:
    """How many cells rise above chance where theory keeps, shrinks and grows signals."""
    groups = {
        f"within {_NEAR:.0f} of 0": cells["scales"].abs() <= _NEAR,
        f"from {_NEAR:.0f} to {_LIMIT:.0f} (vanishing)": (cells["scales"] > _NEAR) & (cells["scales"] <= _LIMIT),
        f"above {_LIMIT:.0f}": cells["scales"] > _LIMIT,
        f"below -{_NEAR:.0f} (exploding)": cells["scales"] < -_NEAR,
    }
    learned = learns(cells)
    counts = [f"{int(learned[mask].sum())} of {int(mask.sum())} {name}" for name, mask in groups.items() if mask.any()]
    told = "; ".join(counts)
    return f"Cells that rise above chance (at least half of their runs do not fail), by depth / xi: {told}."


def _figure(study: Study, pairs: list[tuple[Facet, pd.DataFrame]]) -> Illustration:
    groups = [pairs] if study.is_compact else [[pair] for pair in pairs]
    columns = balanced_columns(len(groups), 2)
    every = np.concatenate([table["scales"].to_numpy() for _, table in pairs])
    near_limit = bool(every.max() > _LIMIT / 2)
    legend = [*(_entry(name) for name in study.series), _run_entry(), *([_limit_entry()] if near_limit else [])]
    height = 3.4 if columns == 1 else 2.6
    figure, panels = panel_grid(len(groups), columns, height, 0.3 + legend_height(legend))
    for i, (group, axes) in enumerate(zip(groups, panels, strict=True)):
        axes.set_title(group[0][0].label if len(group) == 1 else "")
        percent_axis(axes, 0)
        _scales_axis(axes, float(every.min()), float(every.max()))
        draw_chance(axes, group[0][0].chance, label=(i + 1) % columns == 0 or i + 1 == len(groups))
        axes.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
        if near_limit:
            axes.axvline(_LIMIT, color=FAINT, linewidth=1, linestyle=":", zorder=1)
        for facet, cells in group:
            for name in facet.series:
                _draw(axes, facet, cells, name)
        if i + columns >= len(groups):
            axes.set_xlabel(
                "depth / xi  (below 0: gradients explode; above 0: they vanish)"
                if columns == 1
                else "depth / xi  (< 0 exploding, > 0 vanishing)"
            )
        if i % columns == 0:
            axes.set_ylabel("test accuracy, %")
    legend_above(figure, legend)
    left = sum(int((facet.cells["depth"] > 1).sum()) for facet in study.facets) - sum(len(table) for _, table in pairs)
    limit = (
        f" The dotted line is where Schoenholz et al. 2017 saw training end, at about {_LIMIT:.0f} depth scales."
        if near_limit
        else ""
    )
    depths = {depth for _, table in pairs for depth in table["depth"]}
    bigger = "; larger markers are deeper nets" if len(depths) > 1 else ""
    if _is_logarithmic(float(every.min()), float(every.max())):
        limit += " The horizontal axis is linear from -1 to 1 and logarithmic beyond."
    note = f" {plural(left, 'cell')} of which theory says nothing are left out." if left else ""
    return Illustration(
        "trainability",
        figure,
        "Test accuracy of every cell against its depth in depth scales of the theory; the text has the counts.",
        f"Test accuracy after training against depth / xi, for all cells with two layers or more: large markers are "
        f"means over all runs of a cell, small ones the runs{bigger}.{limit} Theory knows "
        f"neither the learning rate nor how long was trained.{note}",
    )


def _scales_axis(axes: Axes, low: float, high: float) -> None:
    """Linear, or linear near 0 and logarithmic beyond where cells are far apart."""
    if _is_logarithmic(low, high):
        axes.set_xscale("symlog", linthresh=1, linscale=0.8)
        axes.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1, subs=[1, 3]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlim(min(1.4 * low, -1.2), max(1.4 * high, 1.2))
        return
    axes.xaxis.set_major_locator(MaxNLocator(7))
    margin = 0.06 * max(high - low, 2)
    axes.set_xlim(min(low, -1) - margin, max(high, 1) + margin)


def _is_logarithmic(low: float, high: float) -> bool:
    return high - low > _LINEAR_SPAN


def _draw(axes: Axes, facet: Facet, cells: pd.DataFrame, series: str) -> None:
    style = style_of(series)
    # the smaller markers of shallower nets on top
    own = cells[cells["series"] == series].sort_values("depth", ascending=False)
    runs = facet.runs[facet.runs["series"] == series].merge(own[["depth", "scales"]], on="depth")
    axes.plot(
        runs["scales"],
        runs["test_accuracy"] * 100,
        color=style.colour,
        marker=style.marker,
        markersize=2.6,
        markeredgewidth=0,
        alpha=0.45,
        linestyle="",
    )
    axes.scatter(
        own["scales"],
        own["mean"] * 100,
        s=18 + 22 * np.log2(own["depth"]),
        color=style.colour,
        marker=style.marker,
        edgecolors="white",
        linewidths=0.6,
        alpha=0.85,
        zorder=3,
    )


def _entry(name: str) -> Line2D:
    style = style_of(name)
    return Line2D([], [], color=style.colour, marker=style.marker, linestyle="", label=name)


def _run_entry() -> Line2D:
    return Line2D([], [], color=TEXT, marker="o", markersize=2.6, linestyle="", alpha=0.6, label="one run (small)")


def _limit_entry() -> Line2D:
    return Line2D([], [], color=FAINT, linewidth=1, linestyle=":", label=f"{_LIMIT:.0f} depth scales")
