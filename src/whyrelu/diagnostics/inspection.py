"""All numbers of all layers at one moment, and what has changed since the moment before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from whyrelu.diagnostics import quantities
from whyrelu.diagnostics.probe import (
    Layer,
    LayerState,
    Variation,
    as_training,
    images_are_independent,
    layers_of,
    look,
)
from whyrelu.diagnostics.saturation import slope_scale
from whyrelu.diagnostics.spectra import hessian_largest_eigenvalue, jacobian_spectrum
from whyrelu.network.scalar import slope

# What `Inspector.inspect` gives for each layer, in this order; their definitions are in whyrelu.results.columns.
QUANTITIES = (
    "gradient",
    "weight_gradient",
    "saturated",
    "desaturated",
    "slope_square",
    "dead",
    "died",
    "revived",
    "collapse",
    "mean_shift",
    "q",
    "effective_rank",
)
# Images for second derivatives, which cost several passes each.
SPECTRUM_IMAGES = 16
# Images without gradients that go through the network at once.
_CHUNK = 128


class Marks(NamedTuple):
    """Which units are saturated and which channels dead, per layer, to be compared with those of the next moment."""

    saturated: list[Tensor]
    dead: list[Tensor]


class Spectra(NamedTuple):
    """Second-order numbers of the whole network; see `whyrelu.results.columns.SPECTRA_COLUMNS`."""

    jacobian_mean_square: float
    jacobian_largest_square: float
    hessian_largest: float


class Inspector:
    """Looks inside one network, always with the same images.

    Args:
        network: on its device, with blocks that have a convolution and an activation.
        images: (N, C, H, W) float, normalised; all of them tell which channels are dead.
        labels: (N,).
        probe_images: so many of the first images are used for everything else.
        seed: of all random vectors.

    Raises:
        UserError: the network has no such blocks.
    """

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor, probe_images: int, seed: int) -> None:
        self._network = network
        self._layers = layers_of(network)
        images = images.to(next(network.parameters()).dtype)
        self._images, self._further = images[:probe_images], images[probe_images:]
        self._labels = labels[:probe_images]
        self._seed = seed
        self._thresholds = [self._threshold(layer) for layer in self._layers]

    def is_exact(self) -> bool:
        """Whether norms per image are exact: they are not where a norm mixes the images of a batch."""
        with as_training(self._network, self._seed):
            return images_are_independent(self._network, self._images[:4])

    def inspect(self, before: Marks | None, with_rank: bool) -> tuple[Tensor, Marks]:
        """Measure every layer.

        Args:
            before: the marks of the moment before, None if there is none.
            with_rank: whether to measure the effective rank, which costs more than the others.

        Returns:
            (layers, QUANTITIES) float64 on the CPU, nan where something is not measured or not finite; and the marks.
        """
        with as_training(self._network, self._seed):
            states = look(self._network, self._layers, self._images, self._labels)
            variation = Variation(self._layers, [state.output for state in states])
            for images in self._further.split(_CHUNK) if len(self._further) else ():  # type: ignore[no-untyped-call]
                variation.show(self._network, images)
            slopes = [slope(layer.activation, state.preactivation) for layer, state in self._zip(states)]
        # parameters of an activation change as it learns
        thresholds = [
            self._threshold(layer) if any(True for _ in layer.activation.parameters()) else fixed
            for layer, fixed in zip(self._layers, self._thresholds, strict=True)
        ]
        marks = Marks(
            [quantities.is_saturated(values, limit) for values, limit in zip(slopes, thresholds, strict=True)],
            variation.dead,
        )
        rows = []
        for i, state in enumerate(states):
            values = {
                "gradient": quantities.gradient_norm(state.gradient),
                "weight_gradient": quantities.norm(state.weight_gradient),
                "saturated": quantities.fraction(marks.saturated[i]),
                "slope_square": quantities.mean_square(slopes[i]),
                "dead": quantities.fraction(marks.dead[i]),
                "collapse": quantities.collapse_ratio(state.preactivation),
                "mean_shift": quantities.mean_shift(state.output),
                "q": quantities.mean_square(state.preactivation),
            }
            if before is not None:
                values["desaturated"] = quantities.fraction_left(before.saturated[i], marks.saturated[i])
                values["died"] = quantities.fraction(marks.dead[i] & ~before.dead[i])
                values["revived"] = quantities.fraction(before.dead[i] & ~marks.dead[i])
            # the output can overflow where the preactivation does not
            finite = bool(values["q"].isfinite() & quantities.norm(state.output).isfinite())
            if with_rank and finite:
                values["effective_rank"] = quantities.effective_rank(state.output)
            missing = torch.tensor(math.nan, dtype=torch.float64, device=state.output.device)
            # a layer whose preactivations are not numbers has no saturated or dead units either
            rows.append(torch.stack([values.get(name, missing) if finite else missing for name in QUANTITIES]))
        table = torch.stack(rows).cpu()
        return torch.where(table.isfinite(), table, math.nan), marks

    def marks(self) -> Marks:
        """Only what the next moment is compared with: what `inspect` would give for the network as it is."""
        return self.inspect(None, with_rank=False)[1]

    def spectra(self) -> Spectra:
        """Measure the second-order numbers on a few images."""
        images, labels = self._images[:SPECTRUM_IMAGES], self._labels[:SPECTRUM_IMAGES]
        with as_training(self._network, self._seed):
            generator = torch.Generator().manual_seed(self._seed)
            jacobian = jacobian_spectrum(self._network, images, generator)
            hessian = hessian_largest_eigenvalue(self._network, images, labels, generator)
        return Spectra(*(value if math.isfinite(value) else math.nan for value in (*jacobian, hessian)))

    def _zip(self, states: Sequence[LayerState]) -> list[tuple[Layer, LayerState]]:
        return list(zip(self._layers, states, strict=True))

    def _threshold(self, layer: Layer) -> float:
        """The slope up to which a unit counts as saturated."""
        return slope_scale(layer.activation).threshold
