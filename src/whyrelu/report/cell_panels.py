"""Panels in which every line is a cell: a panel per depth, or with many activations a panel per activation."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from whyrelu.report.panels import MOST_SERIES_IN_A_PANEL, activation_panels, depth_panels
from whyrelu.report.study import Facet
from whyrelu.report.style import TEXT, SeriesStyle, series_entry, style_of


@dataclass(frozen=True)
class CellLine:
    """One cell: its activation and depth, and how it is drawn."""

    series: str
    depth: int
    style: SeriesStyle


@dataclass(frozen=True)
class CellPanel:
    """One panel: its title, the title's colour, and its cells."""

    title: str
    colour: str
    lines: list[CellLine]


@dataclass(frozen=True)
class CellPanels:
    """The panels of one facet.

    Attributes:
        panels: in their order.
        most_columns: how many fit beside each other.
        legend: entries for the lines.
        explanation: e.g. "one panel per depth".
    """

    panels: list[CellPanel]
    most_columns: int
    legend: list[Line2D]
    explanation: str


def cell_panels(facet: Facet) -> CellPanels:
    """The panels for the cells of a facet."""
    if len(facet.series) <= MOST_SERIES_IN_A_PANEL:
        panels = [
            CellPanel(f"depth {depth}", TEXT, [CellLine(name, depth, style_of(name)) for name in facet.series])
            for depth in facet.depths
        ]
        return CellPanels(panels, 4, [series_entry(name) for name in facet.series], depth_panels(facet.depths))
    colours = {depth: sequence_colour(i, len(facet.depths)) for i, depth in enumerate(facet.depths)}
    styles = {depth: SeriesStyle(colour, "o", "-") for depth, colour in colours.items()}
    panels = [
        CellPanel(name, style_of(name).colour, [CellLine(name, depth, style) for depth, style in styles.items()])
        for name in facet.series
    ]
    legend = [Line2D([], [], color=colour, label=f"depth {depth}") for depth, colour in colours.items()]
    return CellPanels(panels, 4, legend, activation_panels(facet.depths))


def sequence_colour(index: int, count: int) -> str:
    """A colour for the index-th of so many lines that have an order."""
    return to_hex(colormaps["viridis_r"](0.12 + 0.88 * index / max(1, count - 1)))
