"""What a run costs over its training in a worker that lives on, and what looking inside the networks costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, environment

# Short runs on the digits: what is not training shows most.
RUNS = 30
EPOCHS = 2
DIAGNOSED = ("depth=4,8,16", "diagnostics=off,full", "seed=0,1")


def measure(repetitions: int, runs: int = RUNS) -> dict[str, Any]:
    """Do small sweeps on the digits, as a person would, and read what their records say.

    Returns:
        `warm`: what `warm_worker` returns, for each repetition; `diagnostics`: rows of depth, off and full, the median
        seconds of a run.
    """
    short = ("depth=4", f"seed=range(0,{runs})", f"trainer.max_epochs={EPOCHS}", "diagnostics=off")
    warm = [warm_worker(_sweep(*short)) for _ in range(repetitions)]
    return {"warm": warm, "diagnostics": _diagnostics(_sweep(*DIAGNOSED))}


def warm_worker(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a run costs over its training steps, evaluation included, from the records of one sweep.

    `inside`: median of what a run's own clock shows beyond training. `cycle`: the same with all that lies between two
    runs (composing the next one, handing it over, writing the record): seconds between the ends of the runs, which came
    from all workers alike, times workers, less the mean training time.

    Args:
        records: with `ended`, seconds of any clock; in any order.
    """
    workers = records[0]["workers"]
    ends = sorted(record["ended"] for record in records)
    training = [record["metrics"]["train_seconds"] for record in records]
    inside = [record["provenance"]["seconds"] - record["metrics"]["train_seconds"] for record in records]
    # each worker's first run bears what starting costs
    counted = len(ends) - workers
    cycle = workers * (ends[-1] - ends[workers - 1]) / counted
    return {
        "runs": len(records),
        "workers": workers,
        "training": statistics.mean(training),
        "inside": statistics.median(inside),
        "cycle": cycle - statistics.mean(training),
    }


def _diagnostics(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for depth in sorted({record["config"]["depth"] for record in records}):
        seconds = {
            name: statistics.median(
                record["provenance"]["seconds"]
                for record in records
                if record["config"]["depth"] == depth and record["config"]["diagnostics"]["name"] == name
            )
            for name in ("off", "full")
        }
        rows.append({"depth": depth, **seconds})
    return rows


def _sweep(*overrides: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"run_root='{folder}/runs'", f"mlflow.tracking_uri='sqlite:///{folder}/mlflow.db'"]
        # said, because by itself a launcher may start fewer where memory is short
        settings.append(f"hydra.launcher.n_jobs={_workers()}")
        command = [sys.executable, str(ROOT / "src/train.py"), "-m", *overrides, *settings]
        subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, check=True)
        paths = sorted((Path(folder) / "runs").glob("*/run.json"))
        # the record is the last thing that a run writes
        return [
            json.loads(path.read_bytes()) | {"ended": path.stat().st_mtime_ns / 1e9, "workers": _workers()}
            for path in paths
        ]


def _workers() -> int:
    import joblib

    return int(joblib.cpu_count())
