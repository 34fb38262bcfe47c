"""One run alone, with a line per epoch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from whyrelu.errors import UserError
from whyrelu.launch.sweep import describe
from whyrelu.runs.execution import execute
from whyrelu.runs.store import ERROR, RunStore
from whyrelu.tracking import Tracker

# Epochs shorter than this are not worth a line each.
SECONDS_BETWEEN_LINES = 1.0


def run_alone(config: Mapping[str, Any]) -> None:
    """Do one run and print how it goes.

    Raises:
        UserError: the run failed; the message is the reason and where the traceback is.
    """
    console = Console(highlight=False, soft_wrap=True)
    store = RunStore(Path(config["run_root"]))
    with Tracker(config["mlflow"]["tracking_uri"], store.root) as tracker:
        record, trained = execute(config, _EpochLines(console, config))
        if trained:
            tracker.submit(record["run_id"])
    folder = store.folder(record["run_id"])
    if record["status"] == "failed":
        traceback = f" (traceback in {folder / ERROR})" if (folder / ERROR).exists() else ""
        raise UserError(f"{record['error']}{traceback}")
    done = "" if trained else "done already: "
    console.print(f"{done}{describe(record)}, {record['provenance']['seconds']:.1f} s  {folder}/run.json")


class _EpochLines:
    """Prints the metrics of an epoch, at most one line a second but always the last."""

    def __init__(self, console: Console, config: Mapping[str, Any]) -> None:
        self._console = console
        self._trainer = config["trainer"]
        self._last = 0.0

    def __call__(self, history: dict[str, list[float]]) -> None:
        import time

        if not self._last:
            self._hint_at_threads()
        epoch, epochs = int(history["epoch"][-1]), self._trainer["max_epochs"]
        if epoch < epochs and time.monotonic() - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = time.monotonic()
        self._console.print(
            f"epoch {epoch:{len(str(epochs))}}/{epochs}  train loss {history['train_loss'][-1]:.3f}  "
            f"train accuracy {history['train_accuracy'][-1]:.3f}  validation accuracy {history['val_accuracy'][-1]:.3f}"
        )

    def _hint_at_threads(self) -> None:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self._trainer["accelerator"] == "cpu" and self._trainer["threads"] < available:
            self._console.print(
                f"training with {self._trainer['threads']} of {available} threads; trainer.threads={available} "
                "uses all (the number of threads changes the last bits of a result, so it is part of a run's identity)"
            )
