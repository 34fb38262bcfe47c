"""All numbers of all layers at one moment."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from whyrelu.diagnostics import quantities
from whyrelu.diagnostics.probe import LayerState, as_training, dead_channels, images_are_independent, layers_of, look
from whyrelu.diagnostics.saturation import slope_scale
from whyrelu.network.scalar import slope

# What `Inspector.inspect` gives for each layer, in this order; their definitions are in whyrelu.results.columns.
QUANTITIES = (
    "gradient",
    "gradient_saturated",
    "weight_gradient",
    "saturated",
    "slope_square",
    "dead",
    "collapse",
    "q",
    "effective_rank",
)


class Inspector:
    """Looks inside one network, always with the same images: all tell which channels are dead, the first the rest.

    Images are (N, C, H, W), normalised; the seed is of activations that are random themselves.
    """

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor, probe_images: int, seed: int) -> None:
        self._network = network
        self._layers = layers_of(network)
        images = images.to(next(network.parameters()).dtype)
        self._images, self._further = images[:probe_images], images[probe_images:]
        self._labels = labels[:probe_images]
        self._seed = seed
        self._thresholds = [slope_scale(layer.activation).threshold for layer in self._layers]

    def is_exact(self) -> bool:
        """Whether norms per image are exact: they are not where a norm mixes the images of a batch."""
        with as_training(self._network, self._seed):
            return images_are_independent(self._network, self._images[:4])

    def inspect(self) -> Tensor:
        """Measure every layer: (layers, QUANTITIES) float64 on the CPU, nan where something is not finite."""
        with as_training(self._network, self._seed):
            states = look(self._network, self._layers, self._images, self._labels)
            dead = dead_channels(self._network, self._layers, [state.output for state in states], self._further)
            activations = [layer.activation for layer in self._layers]
            table = torch.stack(list(map(_measure, activations, states, dead, self._thresholds))).cpu()
        return torch.where(table.isfinite(), table, math.nan)


def _measure(activation: nn.Module, state: LayerState, dead: Tensor, threshold: float) -> Tensor:
    q = quantities.mean_square(state.preactivation)
    # the output can overflow where the preactivation does not; such a layer has no saturated or dead units either
    if not bool(q.isfinite() & quantities.norm(state.output).isfinite()):
        return q.new_full((len(QUANTITIES),), math.nan)
    if any(True for _ in activation.parameters()):  # which change as it learns
        threshold = slope_scale(activation).threshold
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
    return torch.stack([values[name] for name in QUANTITIES])
