"""The cells of a grid as a table on the console."""

from collections.abc import Sequence

import pandas as pd

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
    cells = cells_table(runs_table(records))
    interval = cells["low"].map("{:.3f}".format) + " to " + cells["high"].map("{:.3f}".format)
    shown = {"n": cells["n"], "learned": cells["learned"], "mean test accuracy": cells["mean"].map("{:.3f}".format)}
    table = pd.DataFrame({**shown, "95% interval": interval.where(cells["n"] > 1, "")})
    print(table.set_index(cells["name"]).rename_axis(None).to_string())
