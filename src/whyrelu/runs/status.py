"""What is done, failed and missing of a grid of runs, in words."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from joblib import cpu_count
from rich.console import Console
from rich.table import Table

from whyrelu.ahead import ahead
from whyrelu.runs.plan import PlannedRun
from whyrelu.runs.store import RunStore

DONE, FAILED, BEGUN, MISSING, DAMAGED = "done", "failed", "begun", "missing", "damaged"
# Failures of a large study have few reasons.
MOST_FAILURES = 20
# With fewer runs than this, starting processes takes longer than reading their records.
MANY_RUNS = 20_000
_PORTION = 2_000


def states(store: RunStore, run_ids: Sequence[str]) -> dict[str, str]:
    """Return the state of each run.

    It is done, failed, begun (its checkpoint waits to be continued), missing, or damaged: its record is not what was
    written. Whether diagnostics are, which are larger, is seen when they are read.
    """
    # one look at the folder of all runs, in place of one at each run that is not there
    begun = store.begun()
    known = [run_id for run_id in run_ids if run_id in begun]
    cores = cpu_count()
    if len(known) < MANY_RUNS or cores == 1:
        words = _states(store.root, known)
    else:
        portions = [known[start : start + _PORTION] for start in range(0, len(known), _PORTION)]
        with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
            words = [word for part in pool.map(partial(_states, store.root), portions) for word in part]
    found = dict(zip(known, words, strict=True))
    return {run_id: found.get(run_id, MISSING) for run_id in run_ids}


def _states(root: Path, run_ids: Sequence[str]) -> list[str]:
    return list(ahead(partial(_state, RunStore(root)), run_ids))


def _state(store: RunStore, run_id: str) -> str:
    record = store.record(run_id)
    if record is not None:
        return FAILED if record["status"] == "failed" else DONE
    if store.damage(run_id) is not None:
        return DAMAGED
    return BEGUN if store.checkpoint(run_id).exists() else MISSING


def print_status(runs: Sequence[PlannedRun], overrides: Sequence[str]) -> None:
    """Print how many runs of each activation and depth are done, why some failed, and what does the rest."""
    console = Console(highlight=False, soft_wrap=True)
    store = RunStore(Path(runs[0].settings.value("run_root")))
    found = states(store, [run.run_id for run in runs])
    total = Counter(found.values())
    console.print(
        f"{len(runs)} runs: "
        + ", ".join(f"{total[s]} {s}" for s in (DONE, FAILED, BEGUN, MISSING))
        + (f", {total[DAMAGED]} {DAMAGED}" if total[DAMAGED] else "")
    )
    table = _table(runs, found)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
    damaged = [run for run in runs if found[run.run_id] == DAMAGED]
    for run in damaged[:MOST_FAILURES]:
        console.print(f"damaged: {run.label}: {store.damage(run.run_id)}", markup=False)
    if len(damaged) > MOST_FAILURES:
        console.print(f"... and {len(damaged) - MOST_FAILURES} more damaged")
    failed = [run for run in runs if found[run.run_id] == FAILED]
    for run in failed[:MOST_FAILURES]:
        record = store.record(run.run_id)
        reason = record["error"] if record else ""
        console.print(f"failed: {run.label}: {reason}  ({store.folder(run.run_id)})", markup=False)
    if len(failed) > MOST_FAILURES:
        console.print(f"... and {len(failed) - MOST_FAILURES} more failed")
    if total[DONE] < len(runs):
        console.print("to do the rest: python src/train.py -m " + shlex.join(overrides), markup=False)


def _table(runs: Sequence[PlannedRun], states: dict[str, str]) -> Table:
    depths = sorted({run.settings.value("depth") for run in runs})
    counts: dict[str, Counter[int]] = {}
    done: dict[str, Counter[int]] = {}
    for run in runs:
        name, depth = run.settings.value("activation.name"), run.settings.value("depth")
        counts.setdefault(name, Counter())[depth] += 1
        done.setdefault(name, Counter())[depth] += states[run.run_id] == DONE
    table = Table("done of planned", *(f"depth {depth}" for depth in depths))
    for name, planned in counts.items():
        table.add_row(name, *(f"{done[name][d]}/{planned[d]}" if planned[d] else "" for d in depths))
    return table
