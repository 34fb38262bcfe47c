"""The cells of a grid as a table on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from whyrelu.config.grid import Run
from whyrelu.results.cells import cells_table
from whyrelu.results.tables import runs_table
from whyrelu.runs.store import RunStore


def print_cells(runs: Sequence[Run]) -> None:
    """Print how many runs of each cell learned, and their mean test accuracy; of finished runs of one study."""
    store = RunStore.of(runs[0].config)
    records = [record for run in runs if (record := store.record(run.run_id)) and record["status"] != "failed"]
    if not records:
        return
    table = Table("cell", "n", "learned", "mean test accuracy", "95% interval", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for cell in cells_table(runs_table(records)).to_dict("records"):
        interval = f"{cell['low']:.3f} to {cell['high']:.3f}" if cell["n"] > 1 else ""
        table.add_row(cell["name"], str(cell["n"]), str(cell["learned"]), f"{cell['mean']:.3f}", interval)
    console = Console(highlight=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
