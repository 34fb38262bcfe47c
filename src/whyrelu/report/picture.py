"""A figure with its file name, its finding and what a reader who cannot see it is told."""

from __future__ import annotations

from typing import Any, NamedTuple

from matplotlib.figure import Figure

from whyrelu.report.style import new_figure
from whyrelu.report.templating import said


class Picture(NamedTuple):
    """A figure of a page."""

    name: str
    figure: Figure
    title: str
    shows: str


def picture(name: str, height: float, numbers: Any) -> Picture:
    """An empty figure, `height` inches high, whose words are made from numbers by figures.jinja."""
    macro = name.replace("-", "_")
    title = said("figures.jinja", macro, numbers)
    return Picture(name, new_figure(height, title), title, said("figures.jinja", f"{macro}_shows"))
