"""A figure with its file name, its finding and what a reader who cannot see it is told."""

from typing import Any, NamedTuple

from matplotlib.figure import Figure

from whyrelu.report.style import new_figure
from whyrelu.report.templating import said


class Picture(NamedTuple):
    """A figure of a page."""

    name: str
    figure: Figure
    title: str

    @property
    def shows(self) -> str:
        """What is drawn, for readers who cannot see it."""
        return said("figures.jinja", f"{self.name.replace('-', '_')}_shows")


def picture(name: str, height: float, numbers: Any) -> Picture:
    """An empty figure, `height` inches high, whose words are made from numbers by figures.jinja."""
    title = said("figures.jinja", name.replace("-", "_"), numbers)
    return Picture(name, new_figure(height, title), title)
