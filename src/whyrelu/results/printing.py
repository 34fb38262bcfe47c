"""The cells of a grid as a table on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from whyrelu.config.grid import Run
from whyrelu.results.cells import cells_table
from whyrelu.results.labels import facet_columns, facet_labels, series_labels
from whyrelu.results.tables import build_tables
from whyrelu.runs.store import RunStore


def print_cells(runs: Sequence[Run]) -> None:
    """Print number of runs, failures, mean test accuracy and its interval for each cell of finished runs.

    Args:
        runs: of one study, each once and with its identity.
    """
    store = RunStore.of(runs[0].config)
    records = [record for run in runs if (record := store.record(run.run_id)) and record["status"] != "failed"]
    if not records:
        return
    cells = cells_table(build_tables(records).runs)
    table = Table("cell", "n", "failed", "mean test accuracy", "95% interval", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    names = series_labels(cells) + " depth=" + cells["depth"].astype("str")
    for name, facet, (_, cell) in zip(names, facet_labels(cells, facet_columns(cells)), cells.iterrows(), strict=True):
        interval = f"{cell['low']:.3f} to {cell['high']:.3f}" if cell["n"] > 1 else ""
        table.add_row(f"{name} {facet}".strip(), str(cell["n"]), str(cell["failures"]), f"{cell['mean']:.3f}", interval)
    console = Console(highlight=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
