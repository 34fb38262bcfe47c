"""The share of runs that learn over weight gain and depth, and where theory says that gradients survive."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from whyrelu.report.facts import Facts
from whyrelu.report.names import activation_name
from whyrelu.report.picture import Picture, picture
from whyrelu.report.style import FAINT, INSIDE, spread

_SHARES = LinearSegmentedColormap.from_list("shares", ["#f3efe6", "#a9cbe0", "#3f93c8"])
_LINE = "#c2280c"
# sigma_w^2 of initialisations in common use; the edges of chaos are those of docs/protocol.md.
_NAMED = {"PyTorch": 1 / 3, "Xavier": 1.0, "He": 2.0}
_EDGES = {"relu": {"He": np.nan, "He, edge": 2.0}, "tanh": {"edge": 1.27}, "sigmoid": {"edge": 99.0}}
_LEVELS = (-4, -2, -1, 1, 2, 4)


def map_figure(facts: Facts) -> Picture | None:
    """`map`; None where gains or depths are not varied."""
    if "init.gain" not in facts.factors or len(facts.depths) < 2:
        return None
    cells = facts.study.cells
    activations = list(dict.fromkeys(cells["activation"]))[:4]
    drawn = picture("map", 3.6, gains_that_learn(facts, activations))
    panels = drawn.figure.subplots(1, len(activations), squeeze=False, sharey=True)[0]
    for axes, name in zip(panels, activations, strict=True):
        draw_map(axes, cells[cells["activation"] == name], labelled=axes is panels[0])
        axes.set_title(activation_name({"activation": name}), y=1, pad=48)
    add_scale(drawn.figure, panels)
    return drawn


def gains_that_learn(facts: Facts, activations: Sequence[str]) -> dict[str, Any]:
    """The gains at which most runs learn, by the name of the activation.

    Of the largest depth at which every activation has a gain with which all runs learn, or of the smallest.
    """
    cells = facts.study.cells[facts.study.cells["activation"].isin(activations)]
    best = cells.groupby(["depth", "activation"])["share"].max().groupby("depth").min()
    depth = int(max(best.index[best == 1], default=facts.depths[0]))
    learns = cells[(cells["depth"] == depth) & (cells["share"] > 0.5)]
    gains = {
        activation_name({"activation": name}): sorted(learns.loc[learns["activation"] == name, "init.gain"])
        for name in activations
    }
    return {"depth": depth, "gains": gains}


def draw_map(axes: Axes, cells: pd.DataFrame, labelled: bool = True) -> None:
    """The cells of one activation; places are the logarithm of the gain and the rank of the depth."""
    shares = cells.pivot_table(index="depth", columns="init.gain", values="share")
    decades = cells.pivot_table(index="depth", columns="init.gain", values="decades", dropna=False)
    gains, rows = np.log2(shares.columns.to_numpy()), np.arange(len(shares))
    axes.pcolormesh(gains, rows, shares, cmap=_SHARES, vmin=0, vmax=1, edgecolors="face", linewidth=0.3)
    if decades.notna().all(axis=None) and min(decades.shape) > 1:
        lines = axes.contour(gains, rows, decades, _LEVELS, colors=INSIDE, linewidths=0.7, linestyles="dotted")
        axes.clabel(lines, fmt=lambda level: f"{abs(level):g}", fontsize=7)
        crossings = [_crossing(gains, row) for row in decades.to_numpy()]
        axes.plot(crossings, rows, color=_LINE, linewidth=2.2)
        if labelled and np.isfinite(crossings[-1]):
            axes.text(crossings[-1] + 0.5, rows[-1], "chi_1 = 1", color=_LINE, va="center", fontsize=8)
    axes.set_xlim(gains[0] - 0.5, gains[-1] + 0.5)
    axes.set_xticks(gains[::2], [f"{gain:g}" for gain in shares.columns[::2]], fontsize=8)
    axes.set_yticks(rows, [str(depth) for depth in shares.index])
    axes.set_xlabel("weight gain")
    if labelled:
        axes.set_ylabel("layers")
    top = axes.secondary_xaxis("top")
    named = _NAMED | _EDGES.get(str(cells["activation"].iloc[0]), {})
    named = {name: gain for name, gain in named.items() if gains[0] <= np.log2(gain) <= gains[-1]}
    # tanh's edge is too near Xavier's gain and He's for a line of text of its own between them
    places = spread([np.log2(gain) for gain in sorted(named.values())], 0.9)
    top.set_xticks(places, sorted(named, key=lambda name: named[name]), rotation=90, fontsize=8)
    top.tick_params(length=3, color=FAINT)


def add_scale(figure: Figure, panels: Sequence[Axes]) -> None:
    """The bar that says what colours mean, right of the panels."""
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), _SHARES), ax=list(panels), fraction=0.025, pad=0.01)
    bar.set_ticks([0, 0.5, 1], labels=["none", "half", "all"])
    bar.set_label("runs that learned")
    bar.outline.set_visible(False)


def _crossing(gains: np.ndarray, decades: np.ndarray) -> float:
    """The logarithm of the gain at which no gradient is lost or gained, interpolated; nan where there is none."""
    found = np.flatnonzero(np.diff(np.sign(decades)) > 0)
    if not found.size:
        return float("nan")
    i = found[0]
    return float(gains[i] - decades[i] * (gains[i + 1] - gains[i]) / (decades[i + 1] - decades[i]))
