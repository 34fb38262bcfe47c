"""The figures of the page, in the style of the project's reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.acceptance import THREADS, name
from benchmarks.breakdown_kinds import kinds_of
from benchmarks.ratios import Spread, spread
from benchmarks.setting import PRECISIONS
from whyrelu.report.style import FAINT, TEXT, new_figure

Rows = Sequence[Mapping[str, Any]]

LABELS = {"ours": "whyrelu", "bare": "bare loop", "template": "template"}
# Okabe and Ito 2008, as in the reports.
_COLOURS = {"ours": "#0072B2", "bare": "#E69F00", "template": "#D55E00"}
_PALETTE = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#F0E442", "#999933", "#D55E00", "#BBBBBB")
_BAR = 0.27


def throughput_figure(rows: Rows) -> Figure:
    """Samples per second by depth, a panel per precision; whiskers from the least to the greatest repetition."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(PRECISIONS), squeeze=False)[0]
    depths = sorted({row["depth"] for row in rows})
    for axes, precision in zip(panels, PRECISIONS, strict=True):
        for place, implementation in enumerate(LABELS):
            same = {"implementation": implementation, "precision": precision, "threads": THREADS}
            found = {
                depth: speed
                for depth in depths
                if (speed := spread(rows, "samples_per_second", depth=depth, **same)) is not None
            }
            positions = [depths.index(depth) + (place - 1) * _BAR for depth in found]
            _bars(axes, positions, list(found.values()), _COLOURS[implementation])
        axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
        axes.set_xlabel("depth (convolutions)")
        axes.set_title(f"{name(precision)}, {THREADS} thread")
    panels[0].set_ylabel("training images per second")
    handles = [Patch(color=_COLOURS[key], label=label) for key, label in LABELS.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def sweep_figure(bars: Sequence[tuple[str, Spread, float | None]]) -> Figure:
    """Seconds of whole sweeps.

    Args:
        bars: label, seconds, and of these the part that was training, per core; None if it is not known.
    """
    figure = new_figure(0.7 + 0.38 * len(bars))
    axes = figure.subplots()
    for place, (label, seconds, training) in enumerate(bars):
        colour = _COLOURS["ours" if label.startswith("whyrelu") else "template"]
        axes.barh(place, seconds.median, height=0.62, color=colour, alpha=0.55 if training else 1.0)
        if training is not None:
            axes.barh(place, training, height=0.62, color=colour)
        axes.plot([seconds.low, seconds.high], [place, place], color=TEXT, linewidth=1.2)
        axes.annotate(f"{seconds.median:.0f} s", (seconds.high, place), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("seconds from the command to the prompt, 12 runs on all cores (dark: whyrelu's training steps)")
    return figure


def breakdown_figure(rows: Rows) -> Figure:
    """Shares of the time of training steps by kind of operation, a bar per depth and precision."""
    figure = new_figure(1.5 + 0.36 * len(rows))
    axes = figure.subplots()
    kinds = kinds_of(rows)
    for place, row in enumerate(rows):
        left = 0.0
        for kind, colour in zip(kinds, _PALETTE, strict=False):
            share = 100 * row["kinds"][kind] / row["seconds"]
            axes.barh(place, share, left=left, height=0.66, color=colour)
            left += share
    axes.set_yticks(range(len(rows)), [f"{name(row['precision'])}, depth {row['depth']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.grid(visible=False)
    axes.set_xlabel("% of the time of a training step")
    handles = [Patch(color=colour, label=kind) for kind, colour in zip(kinds, _PALETTE, strict=False)]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, columnspacing=1.2)
    return figure


def _bars(axes: Any, positions: Sequence[float], values: Sequence[Spread], colour: str) -> None:
    medians = [value.median for value in values]
    below = [value.median - value.low for value in values]
    above = [value.high - value.median for value in values]
    axes.bar(positions, medians, width=_BAR * 0.92, color=colour)
    axes.errorbar(positions, medians, yerr=[below, above], fmt="none", ecolor=FAINT, elinewidth=1.2, capsize=2)
