"""What is done, failed and missing of a grid of runs, in words."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from whyrelu.config.grid import Run
from whyrelu.runs.provenance import other_code_notice
from whyrelu.runs.store import Record, RunStore

DONE, FAILED, BEGUN, MISSING = "done", "failed", "begun", "missing"


def state(store: RunStore, run_id: str, record: Record | None) -> str:
    """The state of a run: done, failed, begun (its checkpoint waits to be continued) or missing."""
    if record is not None:
        return FAILED if record["status"] == "failed" else DONE
    return BEGUN if store.checkpoint(run_id).exists() else MISSING


def print_status(runs: Sequence[Run], overrides: Sequence[str]) -> None:
    """Print how many runs of each activation and depth are done, why some failed, and what does the rest."""
    console = Console(highlight=False, soft_wrap=True)
    store = RunStore.of(runs[0].config)
    records = {run.run_id: store.record(run.run_id) for run in runs}
    states = {run_id: state(store, run_id, record) for run_id, record in records.items()}
    total = Counter(states.values())
    console.print(f"{len(runs)} runs: " + ", ".join(f"{total[s]} {s}" for s in (DONE, FAILED, BEGUN, MISSING)))
    table = _table(runs, states)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
    for run in runs:
        record = records[run.run_id]
        if record is not None and record["status"] == "failed":
            console.print(f"failed: {run.label}: {record['error']}  ({store.folder(run.run_id)})", markup=False)
    if notice := other_code_notice(filter(None, records.values())):
        console.print(notice)
    if total[DONE] < len(runs):
        console.print("to do the rest: python src/train.py -m " + shlex.join(overrides), markup=False)


def _table(runs: Sequence[Run], states: Mapping[str, str]) -> Table:
    depths = sorted({run.config["depth"] for run in runs})
    cells = {run.run_id: (run.config["activation"]["name"], run.config["depth"]) for run in runs}
    planned = Counter(cells.values())
    done = Counter(cell for run_id, cell in cells.items() if states[run_id] == DONE)
    table = Table("done of planned", *(f"depth {depth}" for depth in depths))
    for name in dict.fromkeys(name for name, _ in planned):
        table.add_row(name, *(f"{done[name, d]}/{planned[name, d]}" if planned[name, d] else "" for d in depths))
    return table
