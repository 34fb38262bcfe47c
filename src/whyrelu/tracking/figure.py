"""The figure of a cell in MLflow: how each of its runs learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from whyrelu.report.style import FAINT, drawing, style_of
from whyrelu.results.cells import curves_table, validation_matrix
from whyrelu.results.tables import build_tables


def save_cell_figure(path: Path, label: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Draw validation accuracy by epoch, a thin line for each seed and a thick one for their mean, as PNG.

    A run that diverged carries its last value on, so that the mean is over all runs at every epoch.

    Args:
        path: file to write; its folder exists.
        label: name of the cell.
        records: of the runs of one cell that have results, at least one.
    """
    tables = build_tables(records)
    mean = curves_table(tables.runs, tables.history)
    colour = style_of(str(tables.runs["activation"].iloc[0])).colour
    # a single epoch is a point, which no line shows
    marker = "o" if len(mean) == 1 else None
    with drawing():
        figure = Figure(figsize=(6.4, 4.0), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        for curve in validation_matrix(tables.runs, tables.history):
            axes.plot(mean["epoch"], curve[: len(mean)], color=colour, alpha=0.4, linewidth=0.9, marker=marker)
        axes.plot(mean["epoch"], mean["val_accuracy"], color=colour, linewidth=2.6, marker=marker, label="mean")
        chance = 1 / len(records[0]["data"]["classes"])
        axes.axhline(chance, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="chance")
        axes.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1.02), title=_title(label, len(tables.runs)))
        axes.legend(loc="best")
        figure.savefig(path)


def _title(label: str, runs: int) -> str:
    return f"{label}: {runs} {'seed' if runs == 1 else 'seeds'}"
