"""Saturated units and the size of slopes, which are not the same thing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, Illustration, balanced_columns, named, panel_grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, legend_above, legend_height, style_of
from whyrelu.report.text import listing, percent, plural
from whyrelu.report.why.moments import (
    ENDS,
    Moment,
    at_moment,
    mean_over_layers,
    moment_title,
    moment_words,
    moments_of,
    survivors_note,
)
from whyrelu.report.why.part import Part
from whyrelu.report.why.profiles import log_axis, log_limits
from whyrelu.report.why.sheets import row_title
from whyrelu.report.why.words import of, ranked, short, where

_DEFINITION = (
    "Saturated: percent of a layer's units, over the probe images, whose absolute slope is at most 5% of the "
    "activation's maximum. Mean squared slope: the mean of phi'(x)^2 over the same units; no unit. Times the variance "
    "sigma_w^2 of the weights it is what a squared gradient is multiplied by per layer on its way back. An activation "
    "whose slope is small everywhere, such as one with a small maximum, can have few saturated units and a small mean "
    "squared slope at once."
)
_MOST_ROWS = 4
# Shares of saturated units that differ by less are as good as equal.
_TIE = 0.005


def saturation_part(study: Study) -> Part | None:
    """Saturation against mean squared slope, layer by layer, at init and at the end."""
    if not study.inspected:
        return None
    sentences = []
    for facet in study.inspected:
        sentences += [shares_sentence(facet, moment) for moment in moments_of(facet, ENDS)]
        sentences += [extremes_sentence(facet), recovery_sentence(facet)]
    return Part("Saturation and slopes", _DEFINITION, [text for text in sentences if text], _figures(study))


def shares_sentence(facet: Facet, moment: Moment) -> str:
    """Saturated units and mean squared slope at the deepest depth, means over layers."""
    depth = facet.deepest
    saturated = mean_over_layers(facet, "saturated", moment, depth)
    slopes = mean_over_layers(facet, "slope_square", moment, depth)
    if not saturated:
        return ""
    said = ranked(saturated, lambda name: f"{percent(saturated[name])} and {short(slopes[name])}")
    when = moment_words(moment, int(facet.profiles["epochs"].max()))
    return (
        f"{where(facet)}Saturated units and mean squared slope {when}, at depth {depth}, means over layers: {said}."
        f"{survivors_note(facet, moment, depth)}"
    )


def extremes_sentence(facet: Facet) -> str:
    """Whether the activation with the most saturated units is the one with the smallest slopes, at init."""
    depth = facet.deepest
    saturated = mean_over_layers(facet, "saturated", "init", depth)
    slopes = mean_over_layers(facet, "slope_square", "init", depth)
    names = [name for name in saturated if np.isfinite(saturated[name]) and np.isfinite(slopes[name])]
    if len(names) < 2:
        return ""
    least = min(names, key=lambda name: slopes[name])
    top = max(saturated[name] for name in names)
    most = [name for name in names if saturated[name] > top - _TIE]
    if most == [least]:
        said = f"{least} has both the most saturated units ({percent(top)}) and the smallest mean squared slope \
({short(slopes[least])})"
    else:
        said = (
            f"{listing(most)} {'has' if len(most) == 1 else 'have'} the most saturated units ({percent(top)}), {least} "
            f"the smallest mean squared slope ({short(slopes[least])}, {percent(saturated[least])} saturated)"
        )
    return f"{where(facet)}At init at depth {depth}, {said}."


def recovery_sentence(facet: Facet) -> str:
    """Of the units that are saturated at one epoch, how many are not at the next, over all layers and epochs."""
    rows = facet.profiles[(facet.profiles["depth"] == facet.deepest) & facet.profiles["desaturated"].notna()]
    if rows.empty:
        return ""
    rates = {
        str(name): float(value) for name, value in rows.groupby("series", sort=False)["desaturated"].mean().items()
    }
    said = ranked(rates, lambda name: percent(rates[name]))
    return (
        f"{where(facet)}Share of the saturated units that are no longer saturated one epoch later (depth "
        f"{facet.deepest}; every layer and epoch counts alike, where C9 counts units): {said}."
    )


def _figures(study: Study) -> list[Illustration]:
    facets = study.inspected
    if len(study.series) > MOST_SERIES_IN_A_PANEL:
        return [_by_series(facet) for facet in facets]
    groups = [facets] if len(facets) <= _MOST_ROWS else [[facet] for facet in facets]
    return [_by_moment(study, group, group[0].slug if len(groups) > 1 else "") for group in groups]


def _by_moment(study: Study, facets: list[Facet], slug: str) -> Illustration:
    moments = [moment for moment in ENDS if any(moment in moments_of(facet, ENDS) for facet in facets)]
    legend = [*(_entry(name) for name in study.series), _reference_entry()]
    height = 2.7 if len(facets) < 3 else 2.0
    figure, panels = panel_grid(len(facets) * len(moments), len(moments), height, 0.3 + legend_height(legend))
    limits = _limits(facets, moments)
    for i, axes in enumerate(panels):
        facet, moment = facets[i // len(moments)], moments[i % len(moments)]
        rows = at_moment(facet.profiles, moment)
        title = moment_title(moment, int(facet.profiles["epochs"].max()))
        axes.set_title(row_title(title, facet, first=i % len(moments) == 0))
        _prepare(axes, limits)
        for name in facet.series:
            _draw(axes, rows[rows["series"] == name], style_of(name).colour, style_of(name).marker)
        if i + len(moments) >= len(panels):
            axes.set_xlabel("saturated units, %")
        if i % len(moments) == 0:
            axes.set_ylabel("mean squared slope")
    legend_above(figure, legend)
    return _illustration(facets, moments, figure, slug, "colours and markers are activations")


def _by_series(facet: Facet) -> Illustration:
    moments = moments_of(facet, ENDS)
    epochs = int(facet.profiles["epochs"].max())
    columns = balanced_columns(len(facet.series), 4)
    looks = {"init": ("#0072B2", "o"), "end": ("#D55E00", "^")}
    legend = [
        *(
            Line2D(
                [], [], color=looks[m][0], marker=looks[m][1], markersize=4, linestyle="", label=moment_title(m, epochs)
            )
            for m in moments
        ),
        _reference_entry(),
    ]
    figure, panels = panel_grid(len(facet.series), columns, 1.6, 0.3 + legend_height(legend))
    limits = _limits([facet], moments)
    for i, (name, axes) in enumerate(zip(facet.series, panels, strict=True)):
        axes.set_title(name, color=style_of(name).colour)
        _prepare(axes, limits)
        for moment in moments:
            rows = at_moment(facet.profiles, moment)
            _draw(axes, rows[rows["series"] == name], *looks[moment])
        if i + columns >= len(facet.series):
            axes.set_xlabel("saturated, %")
        if i % columns == 0:
            axes.set_ylabel("mean sq. slope")
    legend_above(figure, legend)
    return _illustration([facet], moments, figure, facet.slug, "one panel per activation")


def _prepare(axes: Axes, limits: tuple[float, float]) -> None:
    log_axis(axes, *limits)
    axes.set_xlim(-4, 104)
    axes.set_xticks([0, 25, 50, 75, 100])
    share = np.linspace(0, 0.999, 200)
    axes.plot(share * 100, 1 - share, color=FAINT, linewidth=1, linestyle=":", zorder=1)


def _draw(axes: Axes, rows: pd.DataFrame, colour: str, marker: str) -> None:
    positive = rows[rows["slope_square"] > 0]
    axes.plot(
        positive["saturated"] * 100,
        positive["slope_square"],
        color=colour,
        marker=marker,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.4,
        alpha=0.75,
        linestyle="",
    )


def _limits(facets: list[Facet], moments: list[Moment]) -> tuple[float, float]:
    values = [at_moment(facet.profiles, moment)["slope_square"].to_numpy() for facet in facets for moment in moments]
    low, high = log_limits(np.concatenate(values))
    return low, max(high, 1.3)


def _entry(name: str) -> Line2D:
    style = style_of(name)
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=4.5, linestyle="", label=name)


def _reference_entry() -> Line2D:
    return Line2D([], [], color=FAINT, linewidth=1, linestyle=":", label="slopes of 1 and 0 only")


def _illustration(facets: list[Facet], moments: list[Moment], figure: Figure, slug: str, series: str) -> Illustration:
    rows = pd.concat([at_moment(facet.profiles, moment) for facet in facets for moment in moments])
    zeros = int((rows["slope_square"] == 0).sum())
    note = f" {plural(zeros, 'layer')} with a mean squared slope of 0 cannot be drawn." if zeros else ""
    which = of(facets[0]) if slug else ", one row per setting" if len(facets) > 1 else ""
    return Illustration(
        named("saturation", slug),
        figure,
        f"Mean squared slope against saturated units of every layer{which}; the text has the means.",
        f"Every point is a layer of a cell (all depths, mean over runs){which}; {series}. On the dotted line each unit "
        "that is not saturated has slope 1; points below it have small slopes for another reason than "
        f"saturation.{note}",
    )
