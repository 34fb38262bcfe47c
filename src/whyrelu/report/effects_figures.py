"""Effects with their intervals: the times of a study, and the forest plot of a claim over all studies."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from whyrelu.report.facts import Facts
from whyrelu.report.names import INITS, in_words, number
from whyrelu.report.picture import Picture, picture
from whyrelu.report.style import FAINT, INK, jitter, style_of

# Rows of the figure of times: parts of claims, from an operation to a whole training.
_TIMES = {
    ("C3", "a"): "one operation, forward",
    ("C3", "b"): "one operation, backward",
    ("C5", "a"): "training step",
    ("C5", "b"): "inference",
    ("C6", "b"): "training to an accuracy",
}
_OUTCOMES = {"supports": "#17a27a", "contradicts": "#e0661c", "undecided": "#8c8c8c"}
# Settings of one study beyond these share a line.
_MOST_SETTINGS = 16
# Ratios that are nearer are drawn on a linear axis.
_LINEAR_BELOW = 1.5
_ROW = 0.21


def times_figure(facts: Facts) -> Picture | None:
    """`times`: how many times as long the sigmoid takes; None where nothing was timed."""
    timed = facts.effects[facts.effects["timed"] & (facts.effects["unit"] == "ratio")]
    timed = timed.assign(what=[_TIMES.get(key, "") for key in zip(timed["claim"], timed["part"], strict=True)])
    rows = timed[(timed["what"] != "") & timed["estimate"].notna()].sort_values(
        ["claim", "part", "depth"], kind="stable"
    )
    if rows.empty:
        return None
    step, arrival = (rows[rows["what"] == what] for what in ("training step", "training to an accuracy"))
    # elsewhere a ratio is a bound
    arrives = (arrival[["share_first", "share_second"]] >= 0.5).all(axis=1)
    numbers = {"step": list(step["estimate"]), "arrival": list(arrival.loc[arrives, "estimate"])}
    drawn = picture("times", 0.9 + _ROW * len(rows), numbers)
    axes = drawn.figure.subplots()
    draw_effects(axes, _lines(rows.assign(colour=style_of("sigmoid").colour), rows["what"]), [1.0])
    axes.set_xlabel("time with sigmoid as a multiple of the time with ReLU")
    return drawn


def forest_figure(
    claim: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]], studies: Sequence[Facts]
) -> Picture | None:
    """`forest`: the effects that decide a claim in all settings, a panel per part with its rule; None without any."""
    rows = pd.concat([facts.effects.assign(place=facts.place) for facts in studies])
    rows = rows[(rows["claim"] == claim["id"]) & rows["estimate"].notna() & (rows["outcome"] != "")]
    if rows.empty:
        return None
    rows["colour"] = rows["outcome"].map(_OUTCOMES)
    parts = [(key, _lines(part, part["place"])) for (key, _), part in rows.groupby(["part", "quantity"])]
    sizes = [len(lines) + 2.5 for _, lines in parts]
    drawn = picture("forest", 0.6 + _ROW * sum(sizes) + 0.5 * len(parts), claim)
    panels = drawn.figure.subplots(len(parts), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for axes, (key, lines) in zip(panels, parts, strict=True):
        (bounds,) = rules[key].values()
        draw_effects(axes, lines, [0.0] if "better" in rules[key] else np.ravel(bounds).tolist())
        axes.set_title(textwrap.fill(f"{key}. {claim['parts'][key]['says']}", 58), fontsize=8.5)
        axes.set_xlabel(lines[0][1]["quantity"].iloc[0], fontsize=8.5)
    return drawn


def draw_effects(axes: Axes, lines: Sequence[tuple[str, pd.DataFrame]], bounds: Sequence[float]) -> None:
    """Lines of one effect: its interval, an arrow where it has no end, and the number; lines of many: points.

    What effects are compared with is dashed.
    """
    rows = pd.concat([line for _, line in lines])
    unit = rows["unit"].iloc[0]
    finite = rows[["estimate", "low", "high"]].to_numpy(float).ravel()
    finite = np.append(finite[np.isfinite(finite)], bounds)
    is_ratio = unit == "ratio"
    if is_ratio:
        finite = finite[finite > 0]
    if is_ratio and finite.max() > _LINEAR_BELOW * finite.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, [1, 1.2, 1.5, 2, 3, 5] if finite.max() < 20 else [1]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(finite.min() / 1.1, finite.max() * 1.1)
    elif unit == "share":
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    else:
        margin = 0.05 * max(np.ptp(finite), 10 if unit == "layers" else 1e-3)
        axes.set_xlim(finite.min() - margin, finite.max() + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=unit == "layers"))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, unit)))
    left, right = axes.get_xlim()
    for y, (_, line) in enumerate(lines):
        if len(line) > 1:
            heights = y + 0.6 * jitter(len(line))
            axes.scatter(line["estimate"], heights, 7, line["colour"], linewidths=0, alpha=0.8)
            continue
        row = line.iloc[0]
        low, high, colour = row["low"], row["high"], row["colour"]
        if pd.notna(low):
            end = min(high, right) if pd.notna(high) else row["estimate"]
            axes.hlines(y, max(low, left), end, color=colour, linewidth=1.8)
            if np.isinf(high):
                axes.plot(right, y, ">", color=colour, clip_on=False)
        axes.plot(row["estimate"], y, "o", color=colour)
        n = "" if pd.isna(row["n"]) else f"  n = {row['n']:.0f}"
        axes.text(1.02, y, f"{number(row['estimate'], unit)}{n}", va="center", fontsize=8, color=INK,
                  transform=axes.get_yaxis_transform())  # fmt: skip
    for bound in bounds:
        axes.axvline(bound, color=FAINT, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.set_yticks(range(len(lines)), [label for label, _ in lines], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(lines) - 0.4, -0.6)


def _lines(rows: pd.DataFrame, first: pd.Series) -> list[tuple[str, pd.DataFrame]]:
    """The lines of a figure with what they are of; settings and comparisons are named where they differ."""
    told = [name for name in ("setting", "comparison") if rows[name].nunique() > 1]
    lines = []
    for start, group in rows.groupby(first, sort=False):
        if len(group) > _MOST_SETTINGS:
            lines.append((f"{start}, {len(group)} settings", group))
            continue
        for i, row in enumerate(group.to_dict("records")):
            depth = "" if pd.isna(row["depth"]) else f"{row['depth']:.0f} layer{'s' * (row['depth'] > 1)}"
            words = [str(start), depth, INITS.get(row["init"], row["init"]), *(in_words(row[name]) for name in told)]
            lines.append((", ".join(filter(None, words)), group.iloc[[i]]))
    return lines
