"""What is done, failed and missing of a grid of runs, in words."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from whyrelu.runs.plan import PlannedRun
from whyrelu.runs.store import RunStore

DONE, FAILED, BEGUN, MISSING = "done", "failed", "begun", "missing"


def state(store: RunStore, run_id: str) -> str:
    """Return whether a run is done, failed, begun (its checkpoint waits to be continued) or missing."""
    record = store.record(run_id)
    if record is not None:
        return FAILED if record["status"] == "failed" else DONE
    return BEGUN if store.checkpoint(run_id).exists() else MISSING


def print_status(runs: Sequence[PlannedRun], overrides: Sequence[str]) -> None:
    """Print how many runs of each activation and depth are done, why some failed, and what does the rest."""
    console = Console(highlight=False, soft_wrap=True)
    store = RunStore(Path(runs[0].config["run_root"]))
    states = {run.run_id: state(store, run.run_id) for run in runs}
    total = Counter(states.values())
    console.print(f"{len(runs)} runs: " + ", ".join(f"{total[s]} {s}" for s in (DONE, FAILED, BEGUN, MISSING)))
    table = _table(runs, states)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
    for run in runs:
        if states[run.run_id] == FAILED:
            record = store.record(run.run_id)
            reason = record["error"] if record else ""
            console.print(f"failed: {run.label}: {reason}  ({store.folder(run.run_id)})", markup=False)
    if total[DONE] < len(runs):
        console.print("to do the rest: python src/train.py -m " + shlex.join(overrides), markup=False)


def _table(runs: Sequence[PlannedRun], states: dict[str, str]) -> Table:
    depths = sorted({run.config["depth"] for run in runs})
    counts: dict[str, Counter[int]] = {}
    done: dict[str, Counter[int]] = {}
    for run in runs:
        name, depth = run.config["activation"]["name"], run.config["depth"]
        counts.setdefault(name, Counter())[depth] += 1
        done.setdefault(name, Counter())[depth] += states[run.run_id] == DONE
    table = Table("done of planned", *(f"depth {depth}" for depth in depths))
    for name, planned in counts.items():
        table.add_row(name, *(f"{done[name][d]}/{planned[d]}" if planned[d] else "" for d in depths))
    return table
