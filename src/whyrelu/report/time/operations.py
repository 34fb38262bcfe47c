"""Nanoseconds per element of activations alone."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from whyrelu.claims.times import entries, pairs
from whyrelu.claims.words import number
from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, Illustration, panel_grid
from whyrelu.report.style import FAINT, GRID, TEXT, legend_above, legend_height, new_figure, series_entry, style_of
from whyrelu.report.text import listing
from whyrelu.report.time.times import Times, ratio_of
from whyrelu.report.time.words import elements, ratio
from whyrelu.report.why.part import Part

PASSES = ("forward", "backward")
_DEFINITION = (
    "Nanoseconds per element of an activation alone: what PyTorch takes for a tensor, over its elements, the result "
    "in memory that the process already has; backward is the gradient with respect to the input. Small tensors are "
    "taken several at a time, so that the start of a backward pass is shared as in a net. Medians of blocks, after 20 "
    "calls of each pass at each size that are not timed, and fewer, down to two, from 2^19 elements on."
)
_SHAPES = {"forward": ("o", "#0072B2"), "backward": ("D", "#E69F00")}


def operations_part(times: Times) -> Part | None:
    """Lines against size for the study's activations, and all that were timed at two sizes."""
    if not times.sizes:
        return None
    figures = [_sizes_figure(times)]
    is_more = len(times.operated) > len(times.series) or len(times.series) > MOST_SERIES_IN_A_PANEL
    if is_more and _common_sizes(times):
        figures.append(_activations_figure(times))
    return Part("The operation alone: nanoseconds per element", _DEFINITION, _sentences(times), figures)


def _shown(times: Times) -> list[str]:
    """Those drawn as lines; of many the reference, and the cheapest and dearest."""
    own = [name for name in times.series if name in times.operated]
    if len(own) <= MOST_SERIES_IN_A_PANEL:
        return own
    size = middle_size(times)
    order = sorted(own, key=lambda name: times.nanoseconds(name, "forward")[size].value)
    kept = {*order[:2], *order[-3:], times.reference, *(name for name in ("sigmoid",) if name in own)}
    return [name for name in own if name in kept]


def middle_size(times: Times) -> int:
    """The size nearest to 2^16, about that of a layer of a small net, which fits into a cache."""
    return min(times.sizes, key=lambda size: abs(math.log2(size) - 16))


def _common_sizes(times: Times) -> list[int]:
    """The smallest and the largest size at which all activations were timed."""
    found = [set(times.nanoseconds(name, PASSES[0])) for name in times.operated]
    common = sorted(set.intersection(*found))
    return list(dict.fromkeys([common[0], common[-1]])) if common else []


def _sizes_figure(times: Times) -> Illustration:
    shown = _shown(times)
    legend = [series_entry(name) for name in shown]
    figure, panels = panel_grid(2, 2, 2.9, 0.3 + legend_height(legend))
    for axes, name in zip(panels, PASSES, strict=True):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_title(name)
        axes.set_xlabel("elements of the tensor")
        axes.grid(axis="both")
        for series in shown:
            _draw_line(axes, times, series, name)
        axes.set_xticks(times.sizes[:: -(-len(times.sizes) // 7)])
        axes.xaxis.set_minor_locator(NullLocator())
        _plain_numbers(axes)
    panels[0].set_ylabel("nanoseconds per element")
    legend_above(figure, legend)
    ends = f"{elements(times.sizes[0])} to {elements(times.sizes[-1])}"
    return Illustration(
        "time-operation",
        figure,
        f"Nanoseconds per element of each activation against the size of the tensor, {ends} elements, forward and "
        "backward; the text has ratios.",
        f"Nanoseconds per element against the size of the tensor ({ends} elements), both axes logarithmic: forward on "
        "the left, backward on the right; medians of blocks with 95% intervals, mostly smaller than the markers. On "
        "the left of a panel the cost of a call shows, on the right that of memory.",
    )


def _draw_line(axes: Axes, times: Times, series: str, name: str) -> None:
    found = times.nanoseconds(series, name)
    style = style_of(series)
    sizes = list(found)
    values, low, high = (np.array([getattr(found[size], end) for size in sizes]) for end in ("value", "low", "high"))
    axes.vlines(sizes, low, high, color=style.colour, linewidth=1.2)
    axes.plot(
        sizes,
        values,
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markersize=5,
        markeredgecolor="white",
    )


def _plain_numbers(axes: Axes) -> None:
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _activations_figure(times: Times) -> Illustration:
    sizes = _common_sizes(times)
    total = {name: sum(times.nanoseconds(name, p)[sizes[0]].value for p in PASSES) for name in times.operated}
    order = sorted(total, key=lambda name: total[name])
    legend = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=5.5, label=name)
        for name, (marker, colour) in _SHAPES.items()
    ]
    figure = new_figure(0.21 * len(order) + 0.6 + legend_height(legend))
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, size in zip(panels, sizes, strict=True):
        for i, name in enumerate(order):
            axes.axhline(i, color=GRID, linewidth=0.8, zorder=0)
            for which, (marker, colour) in _SHAPES.items():
                found = times.nanoseconds(name, which)[size]
                axes.hlines(i, found.low, found.high, color=colour, linewidth=1.5)
                axes.plot(found.value, i, marker=marker, color=colour, markersize=5.5, markeredgecolor="white")
        axes.set_xscale("log")
        axes.grid(axis="x")
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(f"{size:,} elements")
        axes.set_xlabel("nanoseconds per element")
    panels[0].set_yticks(range(len(order)), order)
    for label, name in zip(panels[0].get_yticklabels(), order, strict=True):
        label.set_color(TEXT if name in times.series else FAINT)
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    legend_above(figure, legend)
    return Illustration(
        "time-activations",
        figure,
        f"Nanoseconds per element of {len(order)} activations at {' and '.join(elements(size) for size in sizes)} "
        f"elements; the cheapest is {order[0]}, the dearest {order[-1]}.",
        f"The same for all {len(order)} activations that were timed, those of the study in dark letters, at "
        f"{' and '.join(elements(size) for size in sizes)} elements, with 95% intervals; the cheapest first (forward "
        f"and backward together at {elements(sizes[0])} elements). Those that PyTorch has no kernel of their own for "
        "are several operations, one after the other.",
    )


def _sentences(times: Times) -> list[str]:
    first = times.reference
    others = [name for name in times.series if name in times.operated and name != first]
    sentences = []
    size = middle_size(times)
    own = {name: times.nanoseconds(first, name)[size].value for name in PASSES}
    sentences.append(
        f"{first} takes {number(own['forward'])} ns per element forward and {number(own['backward'])} ns backward at "
        f"{elements(size)} elements."
    )
    for name in others[:MOST_SERIES_IN_A_PANEL]:
        parts = []
        for which in PASSES:
            found = pairs(entries(times.timing, "op", **{"pass": which}), (name, first), ["size"])
            ratios = {place: ratio_of(*pair) for (place,), pair in found.items()}
            ends = {place: ratios[place] for place in dict.fromkeys([size, max(ratios)]) if place in ratios}
            told = listing([f"{ratio(value)} times at {elements(place)}" for place, value in ends.items()])
            parts.append(f"{which} {told}")
        sentences.append(f"{name}, relative to {first}: {'; '.join(parts)}.")
    return sentences
