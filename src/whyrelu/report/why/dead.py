"""Channels that say the same of every image."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from whyrelu.report.cell_panels import sequence_colour
from whyrelu.report.panels import (
    MOST_SERIES_IN_A_PANEL,
    Illustration,
    balanced_columns,
    depth_panels,
    named,
    panel_grid,
)
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import SeriesStyle, legend_above, legend_height, series_entry, style_of
from whyrelu.report.text import percent
from whyrelu.report.why.moments import mean_over_layers, moment_words, moments_of, survivors_note
from whyrelu.report.why.part import Part
from whyrelu.report.why.words import of, ranked, where

_DEFINITION = (
    "Dead: percent of a layer's channels whose output is the same for all probe images: a relu below 0 everywhere, or "
    "any other activation whose inputs no longer differ in the precision of the measurement."
)
# The vertical axis reaches at least so many percent.
_LEAST_TOP = 2.0


def dead_part(study: Study) -> Part | None:
    """Dead channels by epoch; the figure is left out where no channel ever was dead."""
    if not study.inspected:
        return None
    sentences = [text for facet in study.inspected for text in dead_sentences(facet)]
    return Part("Dead channels", _DEFINITION, sentences, _figures(study))


def dead_sentences(facet: Facet) -> list[str]:
    """Dead channels at init and at the end at the deepest depth, and how many died and came back in between."""
    rows = facet.profiles
    if not (rows["dead"] > 0).any():
        return [f"{where(facet)}No channel of any run is dead, at any depth or moment that was looked at."]
    depth = facet.deepest
    found = {moment: mean_over_layers(facet, "dead", moment, depth) for moment in moments_of(facet, ("init", "end"))}
    last = next(reversed(found))
    when = " and ".join(moment_words(moment, int(rows["epochs"].max())) for moment in found)
    said = ranked(
        found[last],
        lambda name: " and ".join(percent(values.get(name, float("nan"))) for values in found.values()),
    )
    sentences = [
        f"{where(facet)}Dead channels at depth {depth}, mean over layers, {when}: {said}."
        f"{survivors_note(facet, last, depth)}",
    ]
    moves = rows[(rows["depth"] == depth) & rows["died"].notna()]
    if not moves.empty:
        died, revived = (
            {str(name): float(value) / depth for name, value in moves.groupby("series")[column].sum().items()}
            for column in ("died", "revived")
        )
        told = ranked(died, lambda name: f"{percent(died[name])} and {percent(revived[name])}")
        sentences.append(
            f"{where(facet)}Channels that died, and dead ones that came back, summed over all epochs, in percent of "
            f"all channels at depth {depth}: {told}."
        )
    return sentences


def _figures(study: Study) -> list[Illustration]:
    facets = [facet for facet in study.inspected if (facet.profiles["dead"] > 0).any()]
    if not facets:
        return []
    if len(study.series) > MOST_SERIES_IN_A_PANEL:
        return [_by_series(facet) for facet in facets]
    if len(study.inspected) == 1:
        panels = [(f"depth {depth}", facets[0], depth) for depth in facets[0].depths]
        explanation = depth_panels(facets[0].depths)
    else:
        panels = [(f"{facet.label}, depth {facet.deepest}", facet, facet.deepest) for facet in facets]
        explanation = "one panel per setting that has any"
    columns = balanced_columns(len(panels), 3)
    legend = [series_entry(name) for name in study.series]
    height = (2.6, 2.2, 1.9)[columns - 1]
    figure, grid = panel_grid(len(panels), columns, height, 0.3 + legend_height(legend))
    for i, ((title, facet, depth), axes) in enumerate(zip(panels, grid, strict=True)):
        axes.set_title(title)
        _label(axes, i, columns, len(panels), facet)
        for k, name in enumerate(facet.series):
            _draw(axes, facet, name, depth, style_of(name), k / len(facet.series))
    _limit(grid[0], facets)
    legend_above(figure, legend)
    return [_illustration("", figure, explanation)]


def _by_series(facet: Facet) -> Illustration:
    columns = balanced_columns(len(facet.series), 4)
    colours = {depth: sequence_colour(i, len(facet.depths)) for i, depth in enumerate(facet.depths)}
    legend = [Line2D([], [], color=colour, label=f"depth {depth}") for depth, colour in colours.items()]
    figure, grid = panel_grid(len(facet.series), columns, 1.5, 0.3 + legend_height(legend))
    for i, (name, axes) in enumerate(zip(facet.series, grid, strict=True)):
        axes.set_title(name, color=style_of(name).colour)
        _label(axes, i, columns, len(facet.series), facet)
        for depth, colour in colours.items():
            _draw(axes, facet, name, depth, SeriesStyle(colour, "", "-"))
    _limit(grid[0], [facet])
    legend_above(figure, legend)
    return _illustration(facet.slug, figure, f"one panel per activation{of(facet)}")


def _label(axes: Axes, index: int, columns: int, count: int, facet: Facet) -> None:
    last = int(facet.profiles["epoch"].max())
    axes.set_xlim(-0.03 * max(last, 1), 1.03 * max(last, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if index + columns >= count:
        axes.set_xlabel("epoch (0: init)")
    if index % columns == 0:
        axes.set_ylabel("dead channels, %")


def _limit(axes: Axes, facets: list[Facet]) -> None:
    means = pd.concat([_means(facet.profiles) for facet in facets])
    top = max(_LEAST_TOP, float(np.nanmax(means.to_numpy())) * 100)
    axes.set_ylim(-0.03 * top, 1.06 * top)


def _means(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby(["series", "depth", "epoch"])["dead"].mean()


def _draw(axes: Axes, facet: Facet, series: str, depth: int, style: SeriesStyle, shift: float = 0) -> None:
    rows = facet.profiles[(facet.profiles["series"] == series) & (facet.profiles["depth"] == depth)]
    if rows.empty:
        return
    means = rows.groupby("epoch")["dead"].mean()
    step = -(-len(means) // 4)
    axes.plot(
        means.index,
        means * 100,
        color=style.colour,
        linestyle=style.line,
        marker=style.marker or None,
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.6,
        markevery=(int(shift * step), step),
    )


def _illustration(slug: str, figure: Figure, explanation: str) -> Illustration:
    return Illustration(
        named("dead-channels", slug),
        figure,
        f"Dead channels against epoch, {explanation}; the text has the ends.",
        f"Dead channels after every epoch that was looked at, mean over layers and runs, {explanation}. A diverged run "
        "counts as long as its numbers are finite.",
    )
