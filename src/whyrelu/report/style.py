"""How figures look: colours for dark and light pages, labels at lines, SVG with real text and always the same bytes."""

import hashlib
import io
import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyrelu.files import write_bytes

# Inches; an SVG is shown at 96 pixels per inch, so this is 800 pixels.
WIDTH = 800 / 96
# Text and axes, whose colours in the dark are in DARK; INSIDE is text on coloured ground, the same on both.
INK, FAINT, GRID, INSIDE = "#24292f", "#6e7781", "#d8dee4", "#101418"
DARK = {INK: "#e6edf3", FAINT: "#9198a1", GRID: "#30363d"}
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


class SeriesStyle(NamedTuple):
    """How one activation is drawn, in every figure."""

    colour: str
    marker: str


# After Okabe and Ito 2008, lightened or darkened until they stand out on white and on black.
_STYLES = {
    "relu": SeriesStyle("#2a8fce", "o"),
    "tanh": SeriesStyle("#17a27a", "^"),
    "sigmoid": SeriesStyle("#e0661c", "v"),
    "leaky_relu": SeriesStyle("#c774a5", "s"),
    "gelu": SeriesStyle("#a6618f", "D"),
    "silu": SeriesStyle("#c99400", "P"),
    "relu_squared": SeriesStyle("#7d74d0", "X"),
    "shifted_sigmoid": SeriesStyle("#e0661c", "<"),
    "rescaled_sigmoid": SeriesStyle("#e0661c", ">"),
    "centred_sigmoid": SeriesStyle("#e0661c", "d"),
}
_FURTHER_COLOURS = ("#8c8c8c", "#a08a30", "#5e92c0", "#b9705a", "#4f9d9d", "#9a7ab0")
_FURTHER_MARKERS = ("o", "s", "^", "D", "P", "X", "p", "h")

_PARAMETERS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    # without it, identifiers inside an SVG are random
    "svg.hashsalt": "whyrelu",
}


def style_of(activation: str) -> SeriesStyle:
    """The style of an activation; of one without a fixed style it follows from the name."""
    digest = hashlib.sha256(activation.encode()).digest()
    further = SeriesStyle(
        _FURTHER_COLOURS[digest[0] % len(_FURTHER_COLOURS)], _FURTHER_MARKERS[digest[1] % len(_FURTHER_MARKERS)]
    )
    return _STYLES.get(activation, further)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in this style, whatever the person's own matplotlib settings are."""
    with matplotlib.style.context(["default", _PARAMETERS]):
        yield


def new_figure(height: float, title: str) -> Figure:
    """A figure of page width, `height` inches high, with its finding above it."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(textwrap.fill(title, 96), x=0.01, ha="left", fontsize=10, fontweight="bold")
    return figure


def jitter(count: int) -> np.ndarray:
    """Places in (-0.5, 0.5) that spread points without sorting them: the golden ratio's sequence. Shape (count,)."""
    places: np.ndarray = (0.5 + 0.6180339887 * np.arange(count)) % 1 - 0.5
    return places


def spread(places: Iterable[float], gap: float) -> list[float]:
    """Ascending places, moved up where they are nearer than a gap to the one before."""
    return list(itertools.accumulate(places, lambda before, place: max(place, before + gap)))


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], gap: float) -> None:
    """Write (height in data, text, colour) right of the axes, pushed apart to `gap` of the height of the axes.

    Limits have to be set before.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    heights = np.array([to_axes.transform((x, height))[1] for height, _, _ in ends]).clip(0, 1)
    order = np.argsort(-heights, kind="stable")
    # the space below each label that those under it need, then the space above it
    places = spread(-np.maximum(heights[order], gap * np.arange(len(order))[::-1]), gap)
    for i, place in zip(order, places, strict=True):
        _, text, colour = ends[i]
        axes.text(1.02, -place, text, color=colour, transform=axes.transAxes, va="center", fontsize=8.5)


def svg_of(figure: Figure) -> bytes:
    """The same figure always gives the same bytes; text and axes turn light on a dark page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    rules = "".join(
        f'[style*="{kind}: {light}"] {{ {kind}: {dark} !important }}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    style = f'<style type="text/css">@media (prefers-color-scheme: dark) {{ {rules} }}</style>'
    head, defs, rest = buffer.getvalue().decode().partition(" <defs>\n")
    svg = "".join([head, style, "\n", defs, rest])
    # matplotlib names clips after their rectangles, whose last bits vary; here after their order and the figure
    clips: dict[str, str] = {}
    svg = re.sub(r"\bp[0-9a-f]{10}\b", lambda found: clips.setdefault(found[0], f"clip{len(clips)}-of-figure"), svg)
    return svg.replace("-of-figure", "-" + hashlib.sha256(svg.encode()).hexdigest()[:8]).encode()


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure as SVG."""
    write_bytes(svg_of(figure), path)
