"""Checkpoints that survive being killed while they are written."""

from __future__ import annotations

import io
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from whyrelu.errors import UserError, notice

# Key of the run that a checkpoint belongs to, which is the name of its folder.
RUN = "run"


def usable(path: Path) -> bool:
    """Whether there is a checkpoint that is as it was written, by this run.

    One that is damaged is named and removed, so that the run starts anew.
    """
    if not path.exists():
        return False
    try:
        # torch passes over the checksums of its files
        with zipfile.ZipFile(path) as archive:
            is_whole = archive.testzip() is None
        if is_whole and torch.load(path, map_location="cpu", weights_only=True)[RUN] == path.parent.name:
            return True
    except Exception:  # whatever a damaged file makes the reader raise
        pass
    notice(f"{path} is damaged: this run starts anew")
    path.unlink()
    return False


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written beside their place and then moved there in one step."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint; a reader finds the old one or the new one, never a part.

        Raises:
            UserError: the disk is full or read-only; the old one is still there.
        """
        buffer = io.BytesIO()
        torch.save({**checkpoint, RUN: Path(path).parent.name}, buffer)
        partial = Path(f"{path}.partial")
        try:
            partial.write_bytes(buffer.getbuffer())
            partial.replace(path)
        except OSError as error:
            # a part of it would take what space there is
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise UserError(f"cannot write {path}: {error.strerror}") from error

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
