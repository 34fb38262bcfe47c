"""Grids of panels, and what panels of different figures have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyrelu.report.style import CHANCE_LINE, FAINT, new_figure
from whyrelu.report.text import at_depths

# Up to so many activations share one panel; more of them get a panel each.
MOST_SERIES_IN_A_PANEL = 7


@dataclass(frozen=True)
class Illustration:
    """A figure with what the page says of it.

    Attributes:
        name: of its file, without ending.
        figure: the figure.
        alternative: what it shows, for those who cannot see it.
        caption: how it is to be read.
    """

    name: str
    figure: Figure
    alternative: str
    caption: str


def named(stem: str, slug: str) -> str:
    """A file name for the figure of one facet."""
    return f"{stem}-{slug}" if slug else stem


def panel_grid(
    count: int, columns: int, row_height: float, extra_height: float, share_y: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, row by row.

    Args:
        count: of panels.
        columns: in each full row.
        row_height: inches.
        extra_height: inches, for a legend and the labels of the axes.
        share_y: whether all panels have the same vertical axis.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(rows * row_height + extra_height)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=False, sharey=share_y)
    axes = list(grid.flat)
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def balanced_columns(count: int, most: int) -> int:
    """Columns of a grid with as few rows as `most` columns allow, evenly filled: 4 panels in 2 x 2 if 3 is the most."""
    rows = -(-count // most)
    return -(-count // rows)


def depth_panels(depths: Sequence[int]) -> str:
    """What the panels of a figure are that has one for each of these depths."""
    return "one panel per depth" if len(depths) > 1 else at_depths(depths)


def activation_panels(depths: Sequence[int]) -> str:
    """What panels and lines of a figure are that has a panel per activation, and in it a line for each depth."""
    return f"one panel per activation, {'one line per depth' if len(depths) > 1 else at_depths(depths)}"


def percent_axis(axes: Axes, lowest: float) -> None:
    """Let the vertical axis show percent from `lowest` to 100, with room for markers at the ends."""
    margin = 0.03 * (100 - lowest)
    axes.set_ylim(lowest - margin, 100 + margin)
    step = 20 if lowest < 40 else 10 if lowest < 70 else 5 if lowest < 88 else 2
    axes.set_yticks(np.arange(-(-lowest // step) * step, 101, step))


def lowest_percent(values: np.ndarray) -> float:
    """Where an axis of accuracies (fractions) starts: 0 as soon as one is below 50%, else a multiple of 5."""
    lowest = float(np.min(values)) * 100
    return 0.0 if lowest < 50 else max(0.0, (lowest - 1) // 5 * 5)


def draw_chance(axes: Axes, chance: float, label: bool) -> None:
    """A line at the accuracy of guessing, with its name at the right of the panel."""
    if chance * 100 < axes.get_ylim()[0]:
        return
    axes.axhline(chance * 100, color=FAINT, linewidth=1, linestyle=CHANCE_LINE, zorder=1)
    if label:
        place = axes.get_yaxis_transform()
        axes.text(1.01, chance * 100, "chance", transform=place, va="center", color=FAINT, fontsize=8.5)
