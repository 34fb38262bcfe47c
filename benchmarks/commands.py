"""Whole commands, timed from the command to the prompt: a sweep of 12 runs, a single run, and what does nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from joblib import cpu_count

from benchmarks import ours

ROOT = Path(__file__).resolve().parents[1]
# way of training, precision
VARIANTS = (("ours", "32-true"), ("template", "32-true"), ("ours", "bf16-mixed"), ("tuned", "bf16-mixed"))


def timed(command: list[str]) -> float:
    """Run a command in this checkout and return its seconds; raise RuntimeError if it fails."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return seconds


def typed(way: str, precision: str, root: Path, runs: Path, images: int) -> list[str]:
    """Return the command that trains for one epoch; whyrelu's uses MLflow, as it comes."""
    if way == "ours":
        settings = [*ours.overrides(root, images, 1, precision), f"run_root='{runs}'"]
        return [sys.executable, "src/train.py", *settings, f"mlflow.tracking_uri='sqlite:///{root}/mlflow.db'"]
    settings = [f"root='{root}'", f"images={images}", "epochs=1", f"precision={precision}"]
    settings += [f"workers={cpu_count()}", "channels_last=true"] if way == "tuned" else []
    folders = [f"hydra.run.dir='{runs}'", f"hydra.sweep.dir='{runs}'"]
    return [sys.executable, "benchmarks/template.py", *settings, *folders]


def measure_all(root: Path, repetition: int, depths: tuple[int, ...], images: int) -> list[dict[str, Any]]:
    """Time every command once, in another order in each repetition, and return rows of task, way, precision, seconds.

    The sweep has three `depths` and `images` per run.
    """
    rows = []
    sweep = ["-m", "activation=relu,tanh", f"depth={','.join(map(str, depths))}", "seed=0,1"]
    turn = repetition % len(VARIANTS)
    for way, precision in (*VARIANTS[turn:], *VARIANTS[:turn]):
        runs = root / f"{way}-{precision}-{repetition}"
        command = typed(way, precision, root, runs, images)
        commands = {"sweep": [*command[:2], *sweep, *command[2:]]}
        if precision == "32-true":
            commands["run"] = [*typed(way, precision, root, Path(f"{runs}-alone"), images), "depth=4"]
            commands["help"] = [*command[:2], "--help"]
        if (way, precision) == VARIANTS[0]:
            commands["no-op sweep"] = commands["sweep"]
        for task, words in commands.items():
            rows.append({"task": task, "way": way, "precision": precision, "seconds": timed(words)})
    return rows
