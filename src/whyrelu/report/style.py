"""The visual style of all figures: one colour, marker and line per activation, sizes for a page 800 pixels wide."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from whyrelu.files import write_bytes

# Inches; an SVG is shown at 96 pixels per inch, so this is 800 pixels and text of 9 points is 12 pixels high.
WIDTH = 800 / 96
TEXT = "#222222"
FAINT = "#767676"
GRID = "#e3e3e3"
CHANCE_LINE = (0, (4, 3))


class SeriesStyle(NamedTuple):
    """How one activation is drawn, in every figure."""

    colour: str
    marker: str
    line: Literal["-", "--", "-.", ":"]


# Colours of Okabe and Ito 2008 and of Paul Tol's muted scheme, both made for colour-blind readers. Activations that are
# variants of one another share a colour and differ in marker and line; the ones most often compared do not.
_STYLES = {
    "relu": SeriesStyle("#0072B2", "o", "-"),
    "leaky_relu": SeriesStyle("#CC79A7", "s", "-"),
    "tanh": SeriesStyle("#009E73", "^", "-"),
    "sigmoid": SeriesStyle("#D55E00", "v", "-"),
    "gelu": SeriesStyle("#882255", "D", "-"),
    "silu": SeriesStyle("#E69F00", "P", "-"),
    "elu": SeriesStyle("#332288", "p", "-"),
    "softplus": SeriesStyle("#999933", "H", "-"),
    "identity": SeriesStyle("#555555", "d", "-"),
    "rescaled_sigmoid": SeriesStyle("#661100", "<", "-"),
    "centred_sigmoid": SeriesStyle("#AA4499", ">", "-"),
    "mish": SeriesStyle("#8C6D1F", "h", "-"),
    "prelu": SeriesStyle("#CC79A7", "o", "--"),
    "relu6": SeriesStyle("#56B4E9", "p", "--"),
    "hardtanh": SeriesStyle("#009E73", "s", "--"),
    "hard_sigmoid": SeriesStyle("#D55E00", "o", "--"),
    "hardswish": SeriesStyle("#E69F00", "d", "--"),
    "selu": SeriesStyle("#332288", "^", "--"),
    "celu": SeriesStyle("#332288", "v", ":"),
    "softsign": SeriesStyle("#117733", "P", "--"),
}
_FURTHER_COLOURS = ("#CC6677", "#44AA99", "#6699CC", "#7B3294", "#994F00", "#888888")
_FURTHER_MARKERS = ("o", "s", "^", "v", "D", "P", "<", ">", "p", "h", "d")

_PARAMETERS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # text as outlines: the page looks the same whatever fonts its reader has
    "svg.fonttype": "path",
    # without it, identifiers inside an SVG are random
    "svg.hashsalt": "whyrelu",
}


def style_of(series: str) -> SeriesStyle:
    """The style of an activation: fixed for those of conf/activation, derived from the name for any other."""
    if series in _STYLES:
        return _STYLES[series]
    digest = hashlib.sha256(series.encode()).digest()
    # a line of its own kind, so that it is never taken for one of the fixed ones
    colour = _FURTHER_COLOURS[digest[0] % len(_FURTHER_COLOURS)]
    return SeriesStyle(colour, _FURTHER_MARKERS[digest[1] % len(_FURTHER_MARKERS)], "-.")


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in this style, whatever the person's own matplotlib settings are."""
    with matplotlib.style.context(["default", _PARAMETERS]):
        yield


def new_figure(height: float) -> Figure:
    """A figure of page width.

    Args:
        height: inches.
    """
    return Figure(figsize=(WIDTH, height), layout="constrained")


def legend_above(figure: Figure, entries: list[Line2D]) -> None:
    """A legend over all panels, read row by row, in as many rows as it takes."""
    columns = _legend_columns(entries)
    figure.legend(
        # matplotlib fills column by column
        handles=[entry for column in range(columns) for entry in entries[column::columns]],
        loc="outside upper left",
        ncols=columns,
        columnspacing=1.6,
        handlelength=2.4,
        borderaxespad=0.2,
    )


def legend_height(entries: list[Line2D]) -> float:
    """Inches that `legend_above` takes."""
    return 0.1 + 0.2 * -(-len(entries) // _legend_columns(entries))


def series_entry(series: str) -> Line2D:
    """A legend's entry for a series."""
    style = style_of(series)
    return Line2D([], [], color=style.colour, marker=style.marker, linestyle=style.line, label=series)


def chance_entry() -> Line2D:
    """A legend's entry for the accuracy of guessing."""
    return Line2D([], [], color=FAINT, linewidth=1, linestyle=CHANCE_LINE, label="chance")


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure as SVG; the same figure always gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    write_bytes(buffer.getvalue(), path)


def _legend_columns(entries: list[Line2D]) -> int:
    """The most columns that fit on the page, which is 130 characters wide; a line and its gaps take 10."""
    lengths = [len(str(entry.get_label())) + 10 for entry in entries]
    fitting = (n for n in range(len(lengths), 1, -1) if sum(max(lengths[column::n]) for column in range(n)) <= 130)
    return next(fitting, 1)
