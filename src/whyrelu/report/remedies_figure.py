"""One row per setting of networks of one depth: the accuracy of every run, and how many learned."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from whyrelu.report.facts import Facts
from whyrelu.report.picture import Picture, picture
from whyrelu.report.style import FAINT, GRID, INK, jitter, style_of

_MOST_ROWS = 40


def remedies_figure(facts: Facts) -> Picture | None:
    """`remedies`; None where depths are compared, or rows are too many to read."""
    rows = facts.changes
    if len(facts.depths) > 1 or len(rows) > _MOST_ROWS:
        return None
    drawn = picture("remedies", 0.7 + 0.29 * (len(rows) + 1), _numbers(facts, rows))
    draw_remedies(drawn.figure.subplots(), facts)
    return drawn


def draw_remedies(axes: Axes, facts: Facts) -> None:
    """A row per change; ReLU is drawn lightly where it stands beside the sigmoid."""
    rows = facts.changes
    series = list(dict.fromkeys(base for row in rows.values() for base in row))
    light = "relu" if {"relu", "sigmoid"} <= set(series) else ""
    for y, groups in enumerate(rows.values()):
        for i, base in enumerate(series):
            if base not in groups:
                continue
            runs, style = groups[base], style_of(base)
            height = y + (0.24 if base == light else 0) + 0.3 * jitter(len(runs)) / (2 if light else 1)
            alpha, size = (0.35, 9) if base == light else (0.8, 16)
            axes.scatter(
                runs["test_accuracy"], height, size, style.colour, marker=style.marker, alpha=alpha, linewidths=0
            )
            learned = int(runs["succeeded"].sum())
            _beside(axes, y, i, f"{learned}/{len(runs)}", base, "normal" if base == light else "bold")
    for i, base in enumerate(series):
        name = facts.cells.loc[facts.cells["activation"] == base, "act"].iloc[0]
        _beside(axes, -0.8, i, str(name), base)
    axes.hlines(np.arange(len(rows)) + 0.5, 0, 1, color=GRID, linewidth=0.8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.set_yticks(range(len(rows)), list(rows), color=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_color(FAINT)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("test accuracy")


def _beside(axes: Axes, y: float, column: int, text: str, activation: str, weight: str = "normal") -> None:
    """Text in a column right of the axes."""
    axes.annotate(text, (1, y), (8 + 42 * column, 0), axes.get_yaxis_transform(), "offset points",
                  color=style_of(activation).colour, va="center", fontsize=8.5, fontweight=weight)  # fmt: skip


def _numbers(facts: Facts, rows: dict[str, dict[str, pd.DataFrame]]) -> dict[str, Any]:
    """The rows in which most runs of the first activation learn, and in which not."""
    first = str(facts.cells["activation"].iloc[0])
    shares = {row: groups[first]["succeeded"].mean() for row, groups in rows.items() if first in groups}
    return {
        "name": facts.cells["act"].iloc[0],
        "depth": facts.depths[-1],
        "rows": len(shares),
        "learn": [row for row, share in shares.items() if share > 0.5],
        "fail": [row for row, share in shares.items() if share <= 0.5],
    }
