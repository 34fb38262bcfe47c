"""The Lightning callback that looks inside a network before, while and after it learns."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whyrelu.data.batches import Batch, ImageDataModule
from whyrelu.diagnostics import quantities
from whyrelu.diagnostics.probe import LayerState, as_training, dead_channels, images_are_independent, layers_of, look
from whyrelu.diagnostics.saturation import saturation_slope
from whyrelu.network.scalar import slope

# The columns of `Findings.layers`; their definitions are in whyrelu.results.columns.
COLUMNS = (
    "gradient",
    "gradient_saturated",
    "weight_gradient",
    "saturated",
    "slope_square",
    "dead",
    "collapse",
    "q",
    "effective_rank",
    "update",
)


class Findings(NamedTuple):
    """What was seen inside one run."""

    # at which it was looked at, ascending; 0 is the network as it was initialised
    epochs: list[int]
    # (epochs, layers, COLUMNS), nan where something was not measured or not finite
    layers: NDArray[np.float64]
    # of the first layer in the first epoch, whether or not that was looked at
    update_first: float
    # whether norms per image are exact, which they are not where a norm mixes the images of a batch
    exact: bool


class Diagnostics(pl.Callback):
    """Looks inside the network at init and after epochs, between training steps and never in them.

    What a network learns is the same, bit for bit, with and without it. `settings` are those of
    `whyrelu.config.schema.Diagnostics`, and the seed is of activations that are random themselves.
    """

    def __init__(self, settings: Mapping[str, Any], seed: int) -> None:
        self._settings = settings
        self._seed = seed
        # what checkpoints keep; updates are of every epoch, (layers,)
        self._found: dict[str, list[Any]] = {"epochs": [], "tables": [], "updates": [], "exact": []}
        self._weights: list[Tensor] = []

    def findings(self) -> Findings:
        """Return everything that was measured."""
        found = self._found
        first = found["updates"][0][0].nan_to_num(math.nan, math.nan, math.nan).item()
        return Findings(list(found["epochs"]), torch.stack(found["tables"]).numpy(), first, found["exact"][0])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the network as it was initialised, unless a checkpoint remembers it."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        probe = self._settings["probe_images"]
        images, labels = data.probe(max(probe, self._settings["dead_images"]))
        network = pl_module.network
        assert isinstance(network, nn.Module)
        images = images.to(next(network.parameters()).dtype)
        # all tell which channels are dead, the first the rest
        self._images, self._further, self._labels = images[:probe], images[probe:], labels[:probe]
        self._network, self._layers = network, layers_of(network)
        self._thresholds = [saturation_slope(layer.activation) for layer in self._layers]
        if not self._found["epochs"]:
            with as_training(network, self._seed):
                self._found["exact"].append(images_are_independent(network, self._images[:4]))
            self._look(0)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the weights before the middle step of an epoch."""
        if batch_idx == int(trainer.num_training_batches) // 2:
            self._weights = [layer.weight.detach().clone() for layer in self._layers]

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Compare them with those after it, without waiting for the device."""
        if self._weights:
            pairs = zip(self._layers, self._weights, strict=True)
            norm = quantities.norm
            update = torch.stack([norm(layer.weight.detach() - before) / norm(before) for layer, before in pairs])
            self._found["updates"].append(update)
            self._weights = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the network after every epoch."""
        if self._settings["epochs"] == "all":
            self._look(trainer.current_epoch + 1)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the network at the end, in whichever epoch that came."""
        if self._settings["epochs"] == "ends":
            self._look(trainer.current_epoch)

    def _look(self, epoch: int) -> None:
        with as_training(self._network, self._seed):
            states = look(self._network, self._layers, self._images, self._labels)
            dead = dead_channels(self._network, self._layers, [state.output for state in states], self._further)
            activations = [layer.activation for layer in self._layers]
            table = torch.stack(list(map(_measure, activations, states, dead, self._thresholds))).cpu()
        update = self._found["updates"][epoch - 1].cpu() if epoch else table.new_full((len(table),), math.nan)
        whole = torch.cat([table, update[:, None]], dim=1)
        self._found["tables"].append(torch.where(whole.isfinite(), whole, math.nan))
        self._found["epochs"].append(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return self._found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what state_dict kept."""
        self._found = state_dict


def _measure(activation: nn.Module, state: LayerState, dead: Tensor, threshold: float) -> Tensor:
    """The columns of one layer but its update."""
    q = quantities.mean_square(state.preactivation)
    # the output can overflow where the preactivation does not; such a layer has no saturated or dead units either
    if not bool(q.isfinite() & quantities.norm(state.output).isfinite()):
        return q.new_full((len(COLUMNS) - 1,), math.nan)
    if any(True for _ in activation.parameters()):  # which change as it learns
        threshold = saturation_slope(activation)
    slopes = slope(activation, state.preactivation)
    saturated = slopes.abs() <= threshold
    values = {
        "gradient": quantities.gradient_norm(state.gradient),
        "gradient_saturated": quantities.gradient_ratio(state.gradient, saturated),
        "weight_gradient": quantities.norm(state.weight_gradient),
        "saturated": saturated.double().mean(),
        "slope_square": quantities.mean_square(slopes),
        "dead": dead.double().mean(),
        "collapse": quantities.collapse_ratio(state.preactivation),
        "q": q,
        "effective_rank": quantities.effective_rank(state.output),
    }
    return torch.stack([values[name] for name in COLUMNS[:-1]])
