"""A whole small sweep from the command to the prompt, start-up included: twelve runs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ours import data_overrides
from benchmarks.processes import ROOT, environment
from benchmarks.setting import BATCH_SIZE, LEARNING_RATE, WIDTH
from benchmarks.synthetic import SyntheticSet

AXES = ("activation=relu,tanh", "depth=4,8,16", "seed=0,1")
RUNS = 12
# About two minutes for the template.
IMAGES = 2560
VALIDATION = 512
EPOCHS = 2
# How each implementation is started; what is not in the order below is measured once, in the first repetition.
ALWAYS = (("ours", "32-true"), ("template", "32-true"), ("ours", "bf16-mixed"))
ONCE = (("template", "bf16-mixed"), ("template_joblib", "32-true"), ("ours_untracked", "bf16-mixed"))

Row = dict[str, Any]


def measure(
    repetitions: int,
    data: SyntheticSet,
    epochs: int = EPOCHS,
    images: int = IMAGES,
    say: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Run the sweep with every implementation in turns.

    A first run that is part of no sweep prepares the synthetic set and makes MLflow's database; the runs of each sweep
    go to a new folder.

    Args:
        repetitions: how often.
        data: the set.
        epochs: of each run.
        images: training images of each run.
        say: is given each row as it comes.

    Returns:
        Rows of implementation, precision, repetition, epochs, images and seconds.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "mlflow.db"
        first = _whyrelu(data, Path(folder) / "first", "32-true", 1, 1024, database, axes=())
        # one run without a sweep makes the arrays and the database
        _timed([word for word in first if word != "-m"])
        for repetition in range(repetitions):
            order = [*ALWAYS[repetition % 3 :], *ALWAYS[: repetition % 3], *(ONCE if repetition == 0 else ())]
            for name, precision in order:
                target = Path(folder) / f"{name}-{precision}-{repetition}"
                command = command_of(name, data, target, precision, epochs, images, database)
                seconds = _timed(command)
                rows.append(
                    {
                        "implementation": name,
                        "precision": precision,
                        "repetition": repetition,
                        "epochs": epochs,
                        "images": images,
                        "seconds": seconds,
                        "training_seconds": _checked(name, target),
                    }
                )
                say(rows[-1])
    return rows


def command_of(
    name: str, data: SyntheticSet, target: Path, precision: str, epochs: int, images: int, database: Path
) -> list[str]:
    """Return the command of a sweep, which writes below `target`."""
    if name.startswith("ours"):
        return _whyrelu(data, target, precision, epochs, images, None if name == "ours_untracked" else database)
    command = [
        sys.executable,
        str(ROOT / "benchmarks/template.py"),
        "-m",
        *AXES,
        f"precision={precision}",
        f"epochs={epochs}",
        f"images={images}",
        f"validation={VALIDATION}",
        f"root='{data.root}'",
        f"hydra.sweep.dir='{target}'",
    ]
    workers = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1"]
    return [*command, *workers] if name == "template_joblib" else command


def _whyrelu(
    data: SyntheticSet,
    target: Path,
    precision: str,
    epochs: int,
    images: int,
    database: Path | None,
    axes: tuple[str, ...] = AXES,
) -> list[str]:
    tracking = "null" if database is None else f"'sqlite:///{database}'"
    return [
        sys.executable,
        str(ROOT / "src/train.py"),
        "-m",
        *axes,
        *data_overrides(data),
        f"data.validation_size={VALIDATION}",
        f"data.train_size={images}",
        f"width={WIDTH}",
        f"batch_size={BATCH_SIZE}",
        f"lr={LEARNING_RATE}",
        f"precision={precision}",
        f"trainer.max_epochs={epochs}",
        "diagnostics=off",
        f"run_root='{target}'",
        f"mlflow.tracking_uri={tracking}",
    ]


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return seconds


def _checked(name: str, target: Path) -> float | None:
    """Make sure that all runs were done; return the seconds of whyrelu's training steps, summed over its runs."""
    pattern = "*/run.json" if name.startswith("ours") else "**/metrics.csv"
    found = sorted(target.glob(pattern))
    if len(found) != RUNS:
        raise RuntimeError(f"{name} did {len(found)} of {RUNS} runs")
    if not name.startswith("ours"):
        return None
    records = [json.loads(path.read_bytes()) for path in found]
    if any(record["status"] == "failed" for record in records):
        raise RuntimeError("a run of whyrelu failed")
    return float(sum(record["metrics"]["train_seconds"] for record in records))
