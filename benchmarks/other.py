"""This checkout beside another one of whyrelu, of either edition: throughput and a sweep of 24 short runs, in turns.

Both are driven by their command line alone, and throughput is what they write into run.json.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from joblib import cpu_count

from benchmarks import commands, data
from benchmarks.report import median_ratio

SWEEP = ("-m", "activation=relu,tanh", "depth=1,2,4", "seed=0,1,2,3")


def compare(other: Path, pairs: int, images: dict[int, int]) -> None:
    """Print how many times as fast this checkout is; `images` has the training images for each depth."""
    checkouts = {"this": commands.ROOT, "other": other.resolve()}
    speeds: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, checkout in checkouts.items():
            data.make(Path(folder) / name)
            commands.prepare(Path(folder) / name, checkout)
        for repetition in range(pairs):
            for name in sorted(checkouts, reverse=repetition % 2 == 0):
                for task, speed in _measure(checkouts[name], Path(folder) / name, repetition, images).items():
                    speeds.setdefault(task, {}).setdefault(name, []).append(speed)
    print(f"This checkout beside {other}, median of {pairs} pairs, 95% interval:")
    for task, by_name in speeds.items():
        median, low, high = median_ratio(by_name["this"], by_name["other"])
        print(f"{task}: {median:.3f} times as fast ({low:.3f} to {high:.3f})")


def _measure(checkout: Path, root: Path, repetition: int, images: dict[int, int]) -> dict[str, float]:
    """Return the speed at each task, in images or sweeps per second."""
    speeds = {}
    for depth, count in images.items():
        runs = root / f"depth-{depth}-{repetition}"
        command = commands.typed("ours", "32-true", root, runs, count)
        commands.timed([*command, f"depth={depth}", f"trainer.threads={cpu_count()}"], checkout)
        (record,) = runs.glob("**/run.json")
        speeds[f"training at depth {depth}"] = json.loads(record.read_bytes())["metrics"]["samples_per_second"]
    runs = root / f"sweep-{repetition}"
    command = commands.typed("ours", "32-true", root, runs, 256)
    seconds = commands.timed([*command[:2], *SWEEP, *command[2:]], checkout)
    commands.check("ours", runs, 24)
    return speeds | {"a sweep of 24 short runs": 1 / seconds}
