"""What one part of the section says and shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from whyrelu.report.grid import Grid
from whyrelu.report.panels import Illustration


@dataclass(frozen=True)
class Part:
    """One subject.

    Attributes:
        title: its heading.
        definition: of the quantities, with their units.
        sentences: what the tables say.
        illustrations: the figures, in their order.
        grid: a table, if there is one.
        grid_caption: what the table shows.
    """

    title: str
    definition: str
    sentences: list[str]
    illustrations: list[Illustration] = field(default_factory=list)
    grid: Grid | None = None
    grid_caption: str = ""
