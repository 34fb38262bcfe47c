"""whyrelu: the function that every run of it goes through, in a process that stays alive as a sweep's workers do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from whyrelu.runs.execution import execute

from benchmarks.setting import BATCH_SIZE, LEARNING_RATE, VALIDATION_SIZE, WIDTH, Measurement, Setting
from benchmarks.synthetic import SyntheticSet


def data_overrides(data: SyntheticSet) -> list[str]:
    """Return the settings of the command line that read the synthetic set."""
    return [
        "data=cifar10",
        f"data.root='{data.root}'",
        f"data.url='{data.archive}'",
        f"data.md5={data.md5}",
        f"prepared_root='{data.root / 'prepared'}'",
    ]


def overrides(setting: Setting, data: SyntheticSet, run_root: Path, *more: str) -> list[str]:
    """Return what a person would type behind `python src/train.py` for a setting."""
    return [
        *data_overrides(data),
        f"data.validation_size={VALIDATION_SIZE}",
        f"data.train_size={setting.images}",
        f"depth={setting.depth}",
        f"width={WIDTH}",
        f"batch_size={BATCH_SIZE}",
        f"lr={LEARNING_RATE}",
        f"precision={setting.precision}",
        f"trainer.threads={setting.threads}",
        f"trainer.max_epochs={setting.epochs}",
        "diagnostics=off",
        f"run_root='{run_root}'",
        "mlflow.tracking_uri=null",
        *more,
    ]


def run(setting: Setting, data: SyntheticSet, *more: str) -> dict[str, Any]:
    """Train a setting anew and return its record, the content of run.json."""
    from whyrelu.config.composition import compose_grid

    with tempfile.TemporaryDirectory() as folder:
        (job,) = compose_grid(overrides(setting, data, Path(folder), *more))
        record, trained = execute(job.config)
    if not trained or record["status"] == "failed":
        raise RuntimeError(f"whyrelu did not train: {record['error']}")
    return record


def measure(setting: Setting, data: SyntheticSet, *more: str) -> Measurement:
    """Train a setting; throughput is what run.json says."""
    record = run(setting, data, *more)
    metrics = record["metrics"]
    samples = metrics["epochs_run"] * record["data"]["train"]
    seconds = samples / metrics["samples_per_second"]
    return Measurement(samples, seconds, metrics["steps"], metrics["train_loss"], record["provenance"]["seconds"])
