"""Checkpoints that survive being killed while they are written."""

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from whyrelu.errors import notice
from whyrelu.files import replacing


def usable(path: Path) -> bool:
    """Whether there is a checkpoint that can be read; one that cannot be is named and removed."""
    if not path.exists():
        return False
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever a damaged file makes the reader raise
        notice(f"{path} is damaged: this run starts anew")
        path.unlink()
        return False
    return True


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the place of a checkpoint; Lightning would begin in the folder for temporary files."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint whole or not at all."""
        with replacing(Path(path)) as partial:
            torch.save(checkpoint, partial)


class PeriodicCheckpoint(Checkpoint):
    """Saves after the first epoch, then after each that ends `seconds` or more after the last save, but the last."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._last = -float("inf")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save if it is time."""
        is_over = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if not is_over and time.monotonic() - self._last >= self._seconds:
            trainer.save_checkpoint(self._path)
            self._last = time.monotonic()
