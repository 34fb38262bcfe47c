"""Checkpoints that survive being killed while they are written."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint


def usable(path: Path) -> bool:
    """Whether there is a checkpoint that can be read; one that is damaged is removed, so that the run starts anew."""
    if not path.exists():
        return False
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever a damaged file makes the reader raise
        path.unlink()
        return False
    return True


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written beside their place and then moved there in one step."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint; a reader finds the old one or the new one, never a part."""
        partial = f"{path}.partial"
        super().save_checkpoint(checkpoint, partial, storage_options)
        os.replace(partial, path)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Read a checkpoint that holds tensors and plain values; one that names anything else is not read.

        Args:
            path: the file.
            map_location: as in torch.load.
            weights_only: has no effect: Lightning leaves it open, and would then call whatever a file names.

        Raises:
            pickle.UnpicklingError: it names something else.
        """
        return super().load_checkpoint(path, map_location, weights_only=True)


class PeriodicCheckpoint(Checkpoint):
    """Saves after the first epoch and then after each epoch that ends `seconds` or more after the last save.

    Args:
        path: the one file.
        seconds: least time between two saves.
        last: whether to save after the last epoch too, which no resumed run would need.
    """

    def __init__(self, path: Path, seconds: float, last: bool) -> None:
        self._path = path
        self._seconds = seconds
        self._save_last = last
        self._last = -float("inf")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save if it is time."""
        finished = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        due = time.monotonic() - self._last >= self._seconds
        if self._save_last if finished else due:
            trainer.save_checkpoint(self._path)
            self._last = time.monotonic()
