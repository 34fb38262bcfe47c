"""The activation functions themselves, and where their slope is negligible."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, Illustration, balanced_columns, panel_grid
from whyrelu.report.study import Study
from whyrelu.report.style import FAINT, TEXT, legend_above, legend_height, style_of
from whyrelu.report.text import plural
from whyrelu.report.why.part import Part

_LOWEST, _HIGHEST = -1.6, 3.4
_DEFINITION = (
    "An activation phi is applied to every preactivation x. A unit is called saturated where the absolute slope of phi "
    "is at most 5% of its maximum (it need not be 0). Slopes and values have no unit."
)
# With more activations than this, their ranges are left to the figure.
_MOST_TOLD = 8


def functions_part(study: Study) -> Part | None:
    """The functions, drawn, and the ranges in which they are not saturated; None if there are none."""
    known = set(study.functions["activation"])
    curves = {name: study.functions[study.functions["activation"] == name] for name in study.series if name in known}
    if not curves:
        return None
    sentences = [_ranges_sentence(curves)] if len(curves) <= _MOST_TOLD else []
    return Part("The activation functions", _DEFINITION, sentences, [_illustration(curves)])


def sensitive_ranges(curve: pd.DataFrame) -> list[tuple[float, float]]:
    """Where an activation is not saturated: (low, high) for each range, infinite where it reaches the drawn edge."""
    curve = curve.sort_values("x")
    x, sensitive = curve["x"].to_numpy(), ~curve["saturated"].to_numpy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sensitive, [False]]).astype(int)))
    ranges = []
    for start, stop in zip(edges[::2], edges[1::2] - 1, strict=True):
        low = -np.inf if start == 0 else float(x[start - 1] + x[start]) / 2
        high = np.inf if stop == len(x) - 1 else float(x[stop] + x[stop + 1]) / 2
        ranges.append((low, high))
    return ranges


def _exact(ranges: list[tuple[float, float]], curve: pd.DataFrame) -> list[tuple[float, float]]:
    """The ends of a single range as they were found as roots, where functions.parquet has them."""
    if len(ranges) != 1 or "active_low" not in curve.columns:
        return ranges
    low, high = (float(curve[name].iloc[0]) for name in ("active_low", "active_high"))
    return ranges if np.isnan(low) or np.isnan(high) else [(low, high)]


def _ranges_sentence(curves: dict[str, pd.DataFrame]) -> str:
    parts = [f"{name} {_range_words(_exact(sensitive_ranges(curve), curve))}" for name, curve in curves.items()]
    reach = short_number(float(max(curve["x"].max() for curve in curves.values())))
    return f"Not saturated, for x between -{reach} and {reach}: {'; '.join(parts)}."


def short_number(value: float) -> str:
    """A position on the axis with one decimal, or none if it is whole."""
    text = f"{value:.1f}"
    return "0" if float(text) == 0 else text.removesuffix(".0")


def _range_words(ranges: list[tuple[float, float]]) -> str:
    if not ranges:
        return "nowhere"
    words = []
    for low, high in ranges:
        if np.isinf(low) and np.isinf(high):
            return "everywhere"
        if np.isinf(high):
            words.append(f"above {short_number(low)}")
        elif np.isinf(low):
            words.append(f"below {short_number(high)}")
        else:
            words.append(f"from {short_number(low)} to {short_number(high)} (width {short_number(high - low)})")
    return " and ".join(words)


def _illustration(curves: dict[str, pd.DataFrame]) -> Illustration:
    together = len(curves) <= MOST_SERIES_IN_A_PANEL
    figure = _together(curves) if together else _one_by_one(curves)
    marks = "dotted where saturated" if together else "dotted and shaded where saturated"
    panels = "values on the left, slopes on the right" if together else "values in colour, slopes in black"
    return Illustration(
        "functions",
        figure,
        f"{plural(len(curves), 'activation function')} with slopes, {marks}.",
        f"The activation functions, {panels}; {marks}. Drawn from the code that the networks use; values outside the "
        "panel are cut off; lines get thinner in the order of the legend, so that equal ones are seen.",
    )


def _together(curves: dict[str, pd.DataFrame]) -> Figure:
    legend = [
        *(Line2D([], [], color=style_of(name).colour, label=name) for name in curves),
        Line2D([], [], color=TEXT, linestyle=":", linewidth=1.2, label="saturated"),
    ]
    figure, panels = panel_grid(2, 2, row_height=2.7, extra_height=0.3 + legend_height(legend), share_y=False)
    for axes, column, title in zip(panels, ("value", "slope"), ("value phi(x)", "slope phi'(x)"), strict=True):
        axes.set_title(title)
        axes.set_xlabel("preactivation x")
        for name, width in zip(curves, np.linspace(1.4 + 0.5 * (len(curves) - 1), 1.6, len(curves)), strict=True):
            _draw(axes, curves[name], column, style_of(name).colour, float(width))
    _limit(panels[0], curves)
    legend_above(figure, legend)
    return figure


def _one_by_one(curves: dict[str, pd.DataFrame]) -> Figure:
    columns = balanced_columns(len(curves), 5)
    legend = [
        Line2D([], [], color=FAINT, linewidth=2, label="value (in the colour of the title)"),
        Line2D([], [], color=TEXT, linewidth=1.2, label="slope"),
        Line2D([], [], color="#eeeeee", linewidth=8, label="saturated"),
    ]
    figure, panels = panel_grid(len(curves), columns, row_height=1.35, extra_height=0.3 + legend_height(legend))
    _limit(panels[0], curves)
    for i, ((name, curve), axes) in enumerate(zip(curves.items(), panels, strict=True)):
        axes.set_title(name, color=style_of(name).colour)
        place = axes.get_xaxis_transform()
        x, saturated = curve["x"].to_numpy(), curve["saturated"].to_numpy()
        axes.fill_between(x, 0, 1, where=saturated, transform=place, color="#eeeeee", linewidth=0, zorder=0)
        _draw(axes, curve, "value", style_of(name).colour)
        _draw(axes, curve, "slope", TEXT, width=1.1)
        if i + columns >= len(curves):
            axes.set_xlabel("x")
    legend_above(figure, legend)
    return figure


def _draw(axes: Axes, curve: pd.DataFrame, column: str, colour: str, width: float = 2.0) -> None:
    """One curve, thick where it is sensitive, dotted where it is saturated; the two meet."""
    curve = curve.sort_values("x")
    x, y, saturated = curve["x"].to_numpy(), curve[column].to_numpy(), curve["saturated"].to_numpy()
    reached = saturated.copy()
    reached[:-1] |= saturated[1:]
    axes.plot(x, np.where(saturated, np.nan, y), color=colour, linewidth=width)
    axes.plot(x, np.where(reached, y, np.nan), color=colour, linewidth=max(1.0, 0.5 * width), linestyle=":")
    axes.set_xlim(float(x[0]), float(x[-1]))


def _limit(axes: Axes, curves: dict[str, pd.DataFrame]) -> None:
    values = np.concatenate([curve[["value", "slope"]].to_numpy().ravel() for curve in curves.values()])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    axes.set_ylim(max(_LOWEST, low - 0.1), min(_HIGHEST, high + 0.1))
