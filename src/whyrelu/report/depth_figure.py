"""Accuracy by depth, or steps to an accuracy by depth, with every run a point, and how many runs learned below."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, PercentFormatter

from whyrelu.report.facts import Facts
from whyrelu.report.names import SHORT_INITS, setting_name
from whyrelu.report.picture import Picture, picture
from whyrelu.report.style import DASHES, FAINT, INK, jitter, label_ends, style_of

# More panels or lines than these are left to the table of details.md.
_MOST_PANELS, _MOST_LINES = 6, 12
# Inches: a plot, and a row of the strip below it.
_PLOT, _ROW = 2.5, 0.19


def depth_figure(facts: Facts) -> Picture | None:
    """`what-learns`, or `steps` where runs end at an accuracy; None of a single depth, and where gains are varied."""
    panels, lines = _panels(facts), len(_lines(facts.runs))
    if len(facts.depths) < 2 or "init.gain" in facts.factors or len(panels) > _MOST_PANELS or lines > _MOST_LINES:
        return None
    name = "steps" if facts.stops_early else "what-learns"
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    drawn = picture(name, _PLOT * rows + _ROW * lines * rows + 0.6, _numbers(facts, panels))
    grid = drawn.figure.subplots(
        2 * rows, columns, squeeze=False, sharex=True, height_ratios=[_PLOT, _ROW * lines] * rows
    )
    uppers, lowers = grid[::2].ravel(), grid[1::2].ravel()
    for upper, lower, (title, runs) in zip(uppers, lowers, panels, strict=False):
        draw_by_depth(upper, lower, facts, runs)
        upper.set_title(title)
    for axes in (*uppers[len(panels) :], *lowers[len(panels) :]):
        axes.set_visible(False)
    return drawn


def draw_by_depth(upper: Axes, lower: Axes | None, facts: Facts, runs: pd.DataFrame) -> None:
    """The runs of one panel: points and means above, and a strip of how many learned below, if there is a place."""
    ends, strip = [], []
    places = np.log2(facts.depths)
    width = 0.22 * np.diff(places).min()
    for name, line in _lines(runs).items():
        style = style_of(line["activation"].iloc[0])
        values = line["steps"].where(line["succeeded"]) if facts.stops_early else line["test_accuracy"]
        for _, cell in line.assign(value=values).groupby("depth"):
            x = np.log2(cell["depth"]) + width * jitter(len(cell))
            upper.plot(x, cell["value"], style.marker, color=style.colour, alpha=0.5, markersize=3.5, markeredgewidth=0)
        means = _means(facts, line, values)
        upper.plot(np.log2(means.index), means, color=style.colour, linestyle=_dash(line, runs))
        if means.notna().any():
            ends.append((float(means.dropna().iloc[-1]), name, style.colour))
        strip.append((name, style.colour, line.groupby("depth")["succeeded"].agg(["sum", "size"])))
    margin = _half(places) + 0.02
    upper.set_xlim(places[0] - margin, places[-1] + margin)
    upper.set_xticks(places, [str(depth) for depth in facts.depths])
    upper.xaxis.set_minor_locator(NullLocator())
    upper.grid(axis="y")
    if facts.stops_early:
        upper.set_yscale("log")
        upper.set_ylabel("steps until the accuracy is reached")
    else:
        upper.set_ylim(0, 1.03)
        upper.yaxis.set_major_formatter(PercentFormatter(1))
        upper.set_ylabel("test accuracy")
    label_ends(upper, ends, 0.085 if lower is None else 0.07)
    upper.set_xlabel("layers")
    if lower is not None:
        upper.tick_params(labelbottom=True)
        _draw_strip(lower, places, strip, facts.verb)


def _draw_strip(axes: Axes, places: np.ndarray, strip: list[tuple[str, str, pd.DataFrame]], verb: str) -> None:
    """How many runs learned: a row per line, a column per depth, darker the more."""
    half = _half(places)
    for row, (name, colour, counts) in enumerate(strip):
        for depth, learned, size in counts.itertuples():
            x = np.log2(depth)
            axes.fill_between([x - half, x + half], row - 0.45, row + 0.45, color=colour, alpha=0.6 * learned / size)
            axes.text(x, row, f"{learned}/{size}", ha="center", va="center", fontsize=7.5, color=INK)
        axes.text(1.02, row, name, color=colour, va="center", fontsize=8, transform=axes.get_yaxis_transform())
    axes.set_ylim(len(strip) - 0.4, -0.6)
    axes.set_yticks([])
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_ylabel(verb, rotation=0, ha="right", va="center", color=FAINT)


def _half(places: np.ndarray) -> float:
    """Half the width of a column of the strip."""
    return min(0.45 * float(np.diff(places).min()), 0.3)


def _panels(facts: Facts) -> list[tuple[str, pd.DataFrame]]:
    """The runs of each setting, initialisation aside, with its name."""
    factors = [factor for factor in facts.factors if factor != "init"]
    named = [setting_name(row, factors) for row in facts.runs.to_dict("records")]
    groups = list(facts.runs.groupby(named, sort=False))
    return [(str(name) or ("plain" if len(groups) > 1 else ""), runs) for name, runs in groups]


def _lines(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs of each activation and initialisation, by the name of the line."""
    several = runs.groupby("act")["init"].transform("nunique") > 1
    inits = runs["init"].map(lambda init: f" ({SHORT_INITS.get(init, init)})").where(several, "")
    return {str(name): group for name, group in runs.groupby(runs["act"] + inits, sort=False)}


def _dash(line: pd.DataFrame, runs: pd.DataFrame) -> Any:
    """Of the initialisations of an activation, the edge is solid, and the others are dashed in their order."""
    inits = runs.loc[runs["act"] == line["act"].iloc[0], "init"].unique()
    places = sorted(inits, key=lambda name: (name != "edge", name))
    return DASHES[places.index(line["init"].iloc[0]) % len(DASHES)]


def _means(facts: Facts, runs: pd.DataFrame, values: pd.Series) -> pd.Series:
    """The mean at each depth; of steps the geometric one, where most runs arrived."""
    if not facts.stops_early:
        return values.groupby(runs["depth"]).mean()
    arrived = values.notna().groupby(runs["depth"]).mean() > 0.5
    logarithms = values.astype(float).map(np.log)
    return logarithms.groupby(runs["depth"]).mean().map(np.exp).where(arrived)


def _numbers(facts: Facts, panels: list[tuple[str, pd.DataFrame]]) -> dict[str, Any]:
    """What the title says: at the largest depth, which lines learn in most runs and which do not."""
    deepest = facts.depths[-1]
    learn: dict[bool, list[str]] = {True: [], False: []}
    for panel, runs in panels:
        for name, line in _lines(runs[runs["depth"] == deepest]).items():
            learns = bool(line["succeeded"].mean() > 0.5)
            learn[learns].append(name if len(panels) == 1 else f"{name}, {panel}")
    return {"depth": deepest, "learn": learn[True], "fail": learn[False]}
