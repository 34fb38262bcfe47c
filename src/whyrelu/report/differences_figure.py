"""How much better one activation is than each of the others: differences, and P(A > B), with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from whyrelu.report.ledger import DIFFERENCES, accuracy_tests
from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, Illustration, panel_grid
from whyrelu.report.study import Study
from whyrelu.report.style import FAINT, GRID, TEXT, legend_above, legend_height, style_of

_SPREAD = 0.7
_POOLED = "all"
# No difference of accuracies is larger, whatever Student's t says.
_POSSIBLE = (-100, 100)


def differences_figures(study: Study) -> list[Illustration]:
    """One figure of the reference facet; none if no claim compares accuracies there."""
    tests = accuracy_tests(study)
    if tests.empty:
        return []
    first = str(tests["comparison"].iloc[0]).split(" - ", 1)[0]
    tests = tests[tests["comparison"].str.startswith(f"{first} - ")]
    tests = tests.assign(second=[name.split(" - ", 1)[1] for name in tests["comparison"]])
    others = list(dict.fromkeys(tests["second"]))
    columns = [
        (f"{first} minus the other, points of test accuracy", ("effect", "low", "high"), 0.0),
        (f"P({first} > other)", ("superiority", "superiority_low", "superiority_high"), 0.5),
    ]
    draw = _by_depth if len(others) <= MOST_SERIES_IN_A_PANEL else _by_series
    legend = [_entry(name, f"{first} - {name}") for name in others] if draw is _by_depth else []
    rows = len(others) if draw is _by_series else 0
    height = 0.24 * rows + 0.6 if rows else 2.9
    extra = 0.2 + (legend_height(legend) if legend else 0)
    figure, panels = panel_grid(2, 2, height, extra, share_y=False)
    for axes, (title, names, equal) in zip(panels, columns, strict=True):
        draw(axes, tests, others, names, equal)
        axes.set_title(title)
    if legend:
        legend_above(figure, legend)
    where = f" with {study.reference.label}" if study.reference.label else ""
    pooled = ' "all" takes all depths together.' if tests["depth"].isna().any() and draw is _by_depth else ""
    if draw is _by_series:
        pooled = " All depths together." if tests["depth"].isna().any() else ""
    return [
        Illustration(
            DIFFERENCES,
            figure,
            f"Differences in test accuracy between {first} and the other activations{where}, with intervals; the table "
            "of tests has the numbers.",
            f"{first} against each other activation{where}: on the left the difference in mean test accuracy (above 0: "
            f"{first} is better), on the right the probability that a run of {first} beats a run of the other (above "
            f"one half: {first} is better), each with its 95% interval.{pooled} Failed runs count.",
        )
    ]


def _by_depth(axes: Axes, tests: pd.DataFrame, others: list[str], names: tuple[str, str, str], equal: float) -> None:
    depths = sorted({int(depth) for depth in tests["depth"].dropna()})
    labels = [str(depth) for depth in depths] + [_POOLED] * bool(tests["depth"].isna().any())
    width = _SPREAD / max(len(others), 3)
    axes.axhline(equal, color=FAINT, linewidth=1, zorder=1)
    for k, name in enumerate(others):
        own = tests[tests["second"] == name]
        place = [labels.index(_POOLED if pd.isna(depth) else str(depth)) for depth in own["depth"]]
        at = np.array(place) + (k - (len(others) - 1) / 2) * width
        value, low, high = (np.clip(own[column].to_numpy("float64"), *_POSSIBLE) for column in names)
        style = style_of(name)
        axes.vlines(at, low, high, color=style.colour, linewidth=1.8)
        axes.plot(at, value, style.marker, color=style.colour, markersize=6, markeredgecolor="white", zorder=3)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_xticks(range(len(labels)), labels)
    axes.tick_params(axis="x", length=0)
    for between in range(1, len(labels)):
        axes.axvline(between - 0.5, color=FAINT if labels[between] == _POOLED else GRID, linewidth=0.8, zorder=0)
    axes.set_xlabel("depth (convolution layers)")
    if equal:
        axes.set_ylim(-0.04, 1.04)


def _by_series(axes: Axes, tests: pd.DataFrame, others: list[str], names: tuple[str, str, str], equal: float) -> None:
    """A row per other activation, all depths together, or the only depth."""
    axes.axvline(equal, color=FAINT, linewidth=1, zorder=1)
    axes.grid(axis="x")
    for k, name in enumerate(others):
        row = tests[tests["second"] == name].iloc[-1]
        style = style_of(name)
        axes.hlines(k, *np.clip([row[names[1]], row[names[2]]], *_POSSIBLE), color=style.colour, linewidth=1.8)
        axes.plot(row[names[0]], k, style.marker, color=style.colour, markersize=6, markeredgecolor="white", zorder=3)
    axes.set_ylim(len(others) - 0.4, -0.6)
    axes.set_yticks(range(len(others)), others if not equal else [""] * len(others))
    axes.tick_params(axis="y", length=0, labelcolor=TEXT)
    if equal:
        axes.set_xlim(-0.04, 1.04)


def _entry(name: str, label: str) -> Line2D:
    style = style_of(name)
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=6, markeredgecolor="white", label=label)
