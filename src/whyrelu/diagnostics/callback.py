"""The Lightning callback that looks inside a network before, while and after it learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyrelu.data.batches import Batch, ImageDataModule
from whyrelu.diagnostics.inspection import QUANTITIES, Inspector, Marks, Spectra
from whyrelu.diagnostics.probe import layers_of
from whyrelu.diagnostics.quantities import norm

Stream = Callable[[str, int | None], int]

# The columns of `Findings.layers`.
COLUMNS = (*QUANTITIES, "update")


class Findings(NamedTuple):
    """What was seen inside one run.

    Attributes:
        epochs: at which it was looked at, ascending; 0 is the network as it was initialised.
        layers: (epochs, layers, COLUMNS), nan where something was not measured or not finite.
        spectra: by epoch.
        exact: whether norms per image are exact, which they are not where a norm mixes the images of a batch.
    """

    epochs: list[int]
    layers: NDArray[np.float64]
    spectra: dict[int, Spectra]
    exact: bool


class Diagnostics(pl.Callback):
    """Looks inside the network at init and after epochs, between training steps and never in them.

    What a network learns is the same, bit for bit, with and without it. It is kept in checkpoints, so that a resumed
    run ends with the whole record.

    Args:
        settings: `whyrelu.config.schema.Diagnostics` as a mapping.
        stream: maps the name of a random stream and an epoch to its seed.
    """

    def __init__(self, settings: Mapping[str, Any], stream: Stream) -> None:
        self._settings = settings
        self._stream = stream
        self._epochs: list[int] = []
        self._tables: list[Tensor] = []
        self._spectra: dict[int, Spectra] = {}
        self._marks: tuple[int, Marks] | None = None
        self._weights: list[Tensor] = []
        self._update: list[Tensor] = []
        self._exact = True

    def findings(self) -> Findings:
        """Return everything that was measured."""
        return Findings(list(self._epochs), torch.stack(self._tables).numpy(), dict(self._spectra), self._exact)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the network as it was initialised, or as a checkpoint left it."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        probe, most = self._settings["probe_images"], self._settings["dead_images"]
        images, labels = data.probe(max(probe, most))
        network = pl_module.network
        assert isinstance(network, torch.nn.Module)
        self._inspector = Inspector(network, images, labels, probe, self._stream("probe", None))
        self._layers = layers_of(network)
        if not self._epochs:
            self._exact = self._inspector.is_exact()
            self._look(0, trainer)
        elif self._settings["epochs"] == "all":
            self._marks = (self._epochs[-1], self._inspector.marks())

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the weights before the middle step of an epoch."""
        if batch_idx == int(trainer.num_training_batches) // 2 and self._is_due(trainer.current_epoch + 1, trainer):
            self._weights = [layer.weight.detach().clone() for layer in self._layers]

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Compare them with those after it, without waiting for the device."""
        if self._weights:
            self._update = [
                norm(layer.weight.detach() - before) / norm(before)
                for layer, before in zip(self._layers, self._weights, strict=True)
            ]
            self._weights = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the network after an epoch."""
        epoch = trainer.current_epoch + 1
        if self._is_due(epoch, trainer):
            self._look(epoch, trainer)

    def _is_due(self, epoch: int, trainer: pl.Trainer) -> bool:
        return self._settings["epochs"] == "all" or epoch == trainer.max_epochs

    def _look(self, epoch: int, trainer: pl.Trainer) -> None:
        last = int(trainer.max_epochs or 0)
        second_order = self._settings["spectra"] and epoch in (0, last // 2, last)
        before = self._marks[1] if self._marks is not None and self._marks[0] == epoch - 1 else None
        table, marks = self._inspector.inspect(before, with_rank=second_order)
        none = torch.full((len(table),), math.nan, dtype=torch.float64)
        update = torch.stack(self._update).cpu() if self._update else none
        self._update = []
        whole = torch.cat([table, update[:, None]], dim=1)
        self._tables.append(torch.where(whole.isfinite(), whole, math.nan))
        self._epochs.append(epoch)
        self._marks = (epoch, marks)
        if second_order:
            self._spectra[epoch] = self._inspector.spectra()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs; marks are found again from its weights."""
        return {
            "epochs": self._epochs,
            "tables": self._tables,
            "spectra": {epoch: list(found) for epoch, found in self._spectra.items()},
            "exact": self._exact,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what state_dict kept."""
        self._epochs = list(state_dict["epochs"])
        self._tables = list(state_dict["tables"])
        self._exact = bool(state_dict["exact"])
        self._spectra = {epoch: Spectra(*found) for epoch, found in state_dict["spectra"].items()}
