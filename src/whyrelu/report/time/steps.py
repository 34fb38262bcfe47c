"""Training steps and inference: times, and ratios to those of ReLU."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from whyrelu.report.grid import Grid
from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, Illustration, panel_grid
from whyrelu.report.style import FAINT, GRID, legend_above, legend_height, style_of
from whyrelu.report.text import at_depths, listing
from whyrelu.report.time.times import BASELINE, EQUAL, Times
from whyrelu.report.time.words import duration, ratio
from whyrelu.report.why.part import Part

_KINDS = {"train": "training step", "inference": "inference"}
_SPREAD = 0.7
_DEFINITION = (
    "A training step: forward, loss, backward and update for one batch that is on the device already; inference: "
    "forward alone. No batch is made, nothing logged, watched or saved within. Ratios are of blocks that were timed "
    "directly after one another, in random order."
)


def steps_part(times: Times) -> Part:
    """Ratios by depth, and a table of the times."""
    return Part(
        "The training step and inference",
        _DEFINITION,
        _sentences(times),
        [_figure(times)] if len(times.series) > 1 else [],
        _grid(times),
        f"Median times of nets of width {times.width}; in brackets the ratio to {times.reference} with its 95% "
        "interval:",
    )


def _figure(times: Times) -> Illustration:
    others = [name for name in times.series if name != times.reference]
    is_short = len(others) <= MOST_SERIES_IN_A_PANEL
    legend = [_entry(name) for name in others] if is_short else []
    rows = 0 if is_short else len(others)
    figure, panels = panel_grid(2, 2, 0.24 * rows + 0.6 if rows else 2.7, 0.3 + legend_height(legend or [_entry("")]))
    for axes, (kind, title) in zip(panels, _KINDS.items(), strict=True):
        axes.set_title(title)
        (_by_depth if is_short else _by_series)(axes, times, others, kind)
    if is_short:
        panels[0].set_ylabel(f"time / time of {times.reference}")
    legend_above(figure, [*legend, Patch(color=GRID, label=f"equal within a factor of {EQUAL}")])  # type: ignore[list-item]
    rows_note = "a row per activation, at the largest depth" if not is_short else "by depth"
    return Illustration(
        "time-steps",
        figure,
        f"Time of a training step and of inference relative to {times.reference}, {rows_note}; the table has the "
        "numbers.",
        f"Time of a training step (left) and of inference (right) relative to {times.reference} (1: as fast), "
        f"{rows_note}, with 95% intervals of the mean over blocks. Grey: within a factor of {EQUAL}, which counts as "
        "equal.",
    )


def _by_depth(axes: Axes, times: Times, others: list[str], kind: str) -> None:
    width = _SPREAD / max(len(others), 3)
    axes.axhspan(1 / EQUAL, EQUAL, color=GRID, zorder=0)
    axes.axhline(1, color=FAINT, linewidth=1, zorder=1)
    for k, name in enumerate(others):
        style = style_of(name)
        for i, depth in enumerate(times.depths):
            found = times.ratio(name, kind, depth)
            if not math.isnan(found.value):
                at = i + (k - (len(others) - 1) / 2) * width
                axes.vlines(at, found.low, found.high, color=style.colour, linewidth=1.8)
                axes.plot(at, found.value, style.marker, color=style.colour, markersize=6, markeredgecolor="white")
    axes.set_xlim(-0.5, len(times.depths) - 0.5)
    axes.set_xticks(range(len(times.depths)), [str(depth) for depth in times.depths])
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("depth (convolution layers)")


def _by_series(axes: Axes, times: Times, others: list[str], kind: str) -> None:
    axes.axvspan(1 / EQUAL, EQUAL, color=GRID, zorder=0)
    axes.axvline(1, color=FAINT, linewidth=1, zorder=1)
    for k, name in enumerate(others):
        style = style_of(name)
        known = [depth for depth in times.depths if not math.isnan(times.ratio(name, kind, depth).value)]
        if known:
            found = times.ratio(name, kind, known[-1])
            axes.hlines(k, found.low, found.high, color=style.colour, linewidth=1.8)
            axes.plot(found.value, k, style.marker, color=style.colour, markersize=6, markeredgecolor="white")
    axes.set_ylim(len(others) - 0.4, -0.6)
    axes.set_yticks(range(len(others)), others if kind == "train" else [""] * len(others))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel(f"time / time of {times.reference}")


def _entry(name: str) -> Line2D:
    style = style_of(name)
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=6, markeredgecolor="white", label=name)


def _sentences(times: Times) -> list[str]:
    sentences = []
    for name in times.series:
        parts = [text for kind in _KINDS if (text := _compared(times, name, kind))]
        if name != times.reference and parts:
            sentences.append(f"{name}, relative to {times.reference}: {'; '.join(parts)}.")
    return sentences


def _compared(times: Times, name: str, kind: str) -> str:
    """The least and the largest ratio over depths, and at which it is surely above the margin, or within it."""
    found = {depth: times.ratio(name, kind, depth) for depth in times.depths}
    known = {depth: value for depth, value in found.items() if not math.isnan(value.value)}
    if not known:
        return ""
    slower = [depth for depth, value in known.items() if value.low > EQUAL]
    equal = [depth for depth, value in known.items() if value.low > 1 / EQUAL and value.high < EQUAL]
    said = []
    if slower:
        said.append(f"surely more than {EQUAL} times as long {at_depths(slower, times.depths)}")
    if equal:
        said.append(f"equal within a factor of {EQUAL} {at_depths(equal, times.depths)}")
    values = sorted(value.value for value in known.values())
    span = listing(list(dict.fromkeys([f"{values[0]:.2f}", f"{values[-1]:.2f}"])), "to")
    return f"{_KINDS[kind]} {span} times{f' ({listing(said)})' if said else ''}"


def _grid(times: Times) -> Grid:
    names = [*times.series, *([BASELINE] if BASELINE not in times.series else [])]
    rows = []
    for kind, title in _KINDS.items():
        for name in names:
            texts = []
            for depth in times.depths:
                found = times.ratio(name, kind, depth)
                note = "" if name == times.reference or math.isnan(found.value) else f" ({ratio(found)})"
                texts.append(f"{duration(times.step(name, kind, depth))}{note}")
            rows.append([title, name if name in times.series else f"{name} (none)", *texts])
    return Grid(["", "activation", *(f"depth {depth}" for depth in times.depths)], 2, rows)
