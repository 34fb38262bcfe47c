"""Learning-rate sensitivity: validation accuracy of the tuning runs against the rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from whyrelu.report.cell_panels import CellLine, cell_panels
from whyrelu.report.panels import Illustration, balanced_columns, draw_chance, named, panel_grid, percent_axis
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import TEXT, legend_above, legend_height
from whyrelu.report.text import plural


def rates_figures(study: Study) -> list[Illustration]:
    """A figure per facet that was tuned and is shown in detail."""
    return [_figure(study, facet) for facet in study.detailed if not facet.tuning.empty]


def _figure(study: Study, facet: Facet) -> Illustration:
    sheet = cell_panels(facet)
    columns = balanced_columns(len(sheet.panels), sheet.most_columns)
    legend = [*sheet.legend, *_further_entries()]
    height = {1: 2.8, 2: 2.3}.get(columns, 1.9)
    figure, panels = panel_grid(len(sheet.panels), columns, height, 0.3 + legend_height(legend))
    rates = study.rates[study.rates["facet"] == facet.label]
    low, high = float(facet.tuning["lr"].min()), float(facet.tuning["lr"].max())
    for i, (panel, axes) in enumerate(zip(sheet.panels, panels, strict=True)):
        percent_axis(axes, 0)
        axes.set_xscale("log")
        axes.set_xlim(low / 1.6, high * 1.6)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_title(panel.title, color=panel.colour)
        draw_chance(axes, facet.chance, label=False)
        if i + columns >= len(sheet.panels):
            axes.set_xlabel("learning rate")
        if i % columns == 0:
            axes.set_ylabel("validation accuracy, %")
        for k, line in enumerate(panel.lines):
            _draw(axes, facet.tuning, rates, line, k - (len(panel.lines) - 1) / 2)
    legend_above(figure, legend)
    where = f" with {facet.label}" if facet.label else ""
    seeds = facet.tuning["seed"].nunique()
    return Illustration(
        named("lr-sensitivity", facet.slug),
        figure,
        f"Validation accuracy of the tuning runs against the learning rate{where}; the table has the chosen rates.",
        f"Validation accuracy at the last epoch against the learning rate{where}, {sheet.explanation}: every tuning "
        f"run a point ({plural(seeds, 'seed')} per rate), lines their means; the ringed mean is the rate that was "
        "chosen. Activations are moved sideways a little, to be told apart.",
    )


def _further_entries() -> list[Line2D]:
    run = Line2D([], [], color=TEXT, marker="o", markersize=3, linestyle="", alpha=0.6, label="one run")
    ring = Line2D(
        [], [], color=TEXT, marker="o", markersize=9, markerfacecolor="none", linestyle="", label="chosen rate"
    )
    return [run, ring]


def _draw(axes: Axes, tuning: pd.DataFrame, rates: pd.DataFrame, line: CellLine, place: float) -> None:
    own = tuning[(tuning["series"] == line.series) & (tuning["depth"] == line.depth)]
    if own.empty:
        return
    style, shift = line.style, 10 ** (0.035 * place)
    accuracy = own["val_accuracy"].fillna(0.0) * 100
    axes.plot(
        own["lr"] * shift,
        accuracy,
        marker=style.marker,
        markersize=2.8,
        markeredgewidth=0,
        alpha=0.5,
        color=style.colour,
        linestyle="",
    )
    means = accuracy.groupby(own["lr"]).mean()
    axes.plot(means.index * shift, means, color=style.colour, linestyle=style.line, linewidth=1.3)
    chosen = rates[(rates["series"] == line.series) & (rates["depth"] == line.depth)]["lr"].to_numpy()
    at = [rate for rate in means.index if np.isclose(rate, chosen, rtol=1e-5).any()]
    for size, face in ((9, "none"), (4.5, style.colour)):
        axes.plot(
            np.array(at) * shift,
            means[at],
            marker="o" if face == "none" else style.marker,
            color=style.colour,
            markersize=size,
            markerfacecolor=face,
            markeredgewidth=1.2,
            linestyle="",
            zorder=3,
        )
