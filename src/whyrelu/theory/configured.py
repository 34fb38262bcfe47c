"""Predictions for resolved configurations and their data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from whyrelu.configuration.callables import bind
from whyrelu.data.arrays import Arrays, load
from whyrelu.data.normalisation import channel_statistics
from whyrelu.network.activations import activation_factory
from whyrelu.network.initialisation import Variances
from whyrelu.theory.mean_field import roundoff_depth
from whyrelu.theory.moments import Moments
from whyrelu.theory.prediction import InputStatistics, PlannedLayer, Prediction, predict
from whyrelu.theory.scalar import scalar_function

# Images that are looked at for the statistics of the input, and pixels in them, which are held in float64.
_MOST_IMAGES, _MOST_PIXELS = 2000, 10_000_000
# In what convolutions are computed.
_ARITHMETIC = {
    "64-true": torch.float64,
    "32-true": torch.float32,
    "16-mixed": torch.float16,
    "bf16-mixed": torch.bfloat16,
}
# What a network depends on beside activation and initialisation.
_NETWORK = ("depth", "width", "model", "norm", "data", "prepared_root")


def scales(prediction: Prediction, precision: str) -> tuple[float, float]:
    """Depth scale xi, from the mean of ln chi over layers, and the depth at which images differ by round-off only.

    nan for a single layer, which has no chi.
    """
    with np.errstate(divide="ignore"):
        logarithms = np.log(prediction.chi[:-1])
    if len(logarithms) == 0 or not np.isfinite(logarithms).all():
        return float("nan"), float("nan")
    rate = float(logarithms.mean())
    eps = torch.finfo(_ARITHMETIC[precision]).eps
    return -1 / rate if rate else float("inf"), float(roundoff_depth(np.exp(rate), eps))


class Theory:
    """Predictions for configurations, each computed once, and so is what they have in common."""

    def __init__(self) -> None:
        self._predictions: dict[str, Prediction] = {}
        self._moments: dict[str, Moments] = {}
        self._variances: dict[str, dict[tuple[int, int], Variances]] = {}
        self._plans: dict[str, _Plan | None] = {}
        self._inputs: dict[str, tuple[InputStatistics, Arrays]] = {}

    def of(self, config: Mapping[str, Any]) -> Prediction:
        """Return the prediction for one configuration; nan for a model or a norm that the theory does not know."""
        key = _key(config, "activation", "init", *_NETWORK)
        if key not in self._predictions:
            planned = self.planned(config)
            if planned is None:
                nothing = np.full(config["depth"], np.nan)
                self._predictions[key] = Prediction(*[nothing] * len(Prediction._fields))
            else:
                layers, batch_norm = planned
                self._predictions[key] = predict(self.moments(config), layers, self.inputs(config)[0], batch_norm)
        return self._predictions[key]

    def moments(self, config: Mapping[str, Any]) -> Moments:
        """Return the moments of the activation of a configuration."""
        key = _key(config, "activation")
        if key not in self._moments:
            self._moments[key] = Moments(scalar_function(activation_factory(config["activation"])()))
        return self._moments[key]

    def inputs(self, config: Mapping[str, Any]) -> tuple[InputStatistics, Arrays]:
        """Return the statistics of the prepared data of a configuration, and the data."""
        folder = Path(config["prepared_root"]) / config["data"]["name"]
        if str(folder) not in self._inputs:
            arrays = load(folder)
            self._inputs[str(folder)] = (input_statistics(arrays), arrays)
        return self._inputs[str(folder)]

    def planned(self, config: Mapping[str, Any]) -> tuple[list[PlannedLayer], bool] | None:
        """Return the layers of a configuration and whether it has batch norm; None if the theory does not know it."""
        key = _key(config, *_NETWORK)
        if key not in self._plans:
            self._plans[key] = _plan(config, self.inputs(config)[1])
        plan = self._plans[key]
        if plan is None:
            return None
        activation, scheme = activation_factory(config["activation"])(), bind("init", config["init"])
        known = self._variances.setdefault(_key(config, "activation", "init"), {})
        layers = []
        for convolution in plan.convolutions:
            fans = convolution.fan_in, convolution.fan_out
            if fans not in known:
                known[fans] = scheme(activation, *fans)
            bias = known[fans].bias if convolution.has_bias else 0.0
            layers.append(PlannedLayer(fans[0] * known[fans].weight, bias, convolution.pooled))
        return layers, plan.batch_norm


class _Convolution(NamedTuple):
    fan_in: int
    fan_out: int
    has_bias: bool
    pooled: bool


class _Plan(NamedTuple):
    convolutions: list[_Convolution]
    batch_norm: bool


def _plan(config: Mapping[str, Any], arrays: Arrays) -> _Plan | None:
    """Read the convolutions of a configuration off its network, built without memory.

    Returns:
        None for a network that is not made of blocks as those of `whyrelu.network.model`: 3x3 convolutions with zero
        padding, 2x2 max poolings, and no norm or batch normalisation.
    """
    height, width, channels = arrays.train_images.shape[1:]
    try:
        with torch.device("meta"):
            network = bind("model", config["model"])(
                image_shape=(height, width, channels),
                classes=len(arrays.classes),
                depth=config["depth"],
                width=config["width"],
                activation=nn.Identity,
                norm=bind("norm", config["norm"]),
            )
        blocks = list(network.blocks)
        norms = {type(block.norm) for block in blocks}
        if not (blocks and (norms <= {nn.Identity} or norms <= {nn.BatchNorm2d}) and all(map(_is_known, blocks))):
            return None
        convolutions = []
        for block in blocks:
            outward, inward, *window = block.convolution.weight.shape
            fans = inward * int(np.prod(window)), outward * int(np.prod(window))
            has_bias = block.convolution.bias is not None
            convolutions.append(_Convolution(*fans, has_bias, isinstance(block.pool, nn.MaxPool2d)))
    except (AttributeError, TypeError, NotImplementedError, RuntimeError):
        return None
    return _Plan(convolutions, norms <= {nn.BatchNorm2d})


def _is_known(block: nn.Module) -> bool:
    layer, pool = block.convolution, block.pool
    if not (isinstance(layer, nn.Conv2d) and isinstance(pool, nn.Identity | nn.MaxPool2d)):
        return False
    plain = (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
    halves = isinstance(pool, nn.Identity) or (pool.kernel_size, pool.stride, pool.padding) == (2, 2, 0)
    return plain and halves and layer.groups == 1 and layer.padding_mode == "zeros"


def _key(config: Mapping[str, Any], *names: str) -> str:
    return json.dumps([config[name] for name in names], sort_keys=True)


def input_statistics(arrays: Arrays) -> InputStatistics:
    """Measure the input of a network on all images that are not for testing, normalised with their own statistics.

    A run normalises with those of its training split alone, which differ from seed to seed by very little.
    """
    everything = np.arange(len(arrays.train_labels))
    mean, std = channel_statistics(arrays.train_images, everything)
    most = max(2, min(_MOST_IMAGES, _MOST_PIXELS // arrays.train_images[0].size))
    step = -(-len(everything) // most)
    images = (arrays.train_images[::step].astype(np.float64) - mean) / std
    power = _symmetric((images**2).mean((0, 3)))
    count = len(images)
    # the square of a mean image holds each image with itself once
    together = (images.mean(0) ** 2).sum()
    itself = (images**2).sum() / count
    other = (count * together - itself) / (count - 1) if count > 1 else itself
    return InputStatistics(power, float(np.clip(other / itself, -1, 1)), spatial_correlation(images))


def spatial_correlation(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[x x'] / E[x^2] for two pixels of an image, by their offset.

    Args:
        images: (N, H, W, C).

    Returns:
        (2 R + 1, 2 R + 1) with R one less than the shorter side; 1 in the centre.
    """
    height, width = images.shape[1:3]
    radius = min(height, width) - 1
    # padded, so that what is correlated does not wrap around
    size = (2 * height - 1, 2 * width - 1)
    products = np.zeros(size)
    for image in images:  # one at a time, because all of them would not fit into memory
        products += (np.abs(np.fft.fft2(image, size, axes=(0, 1))) ** 2).sum(2)
    products = np.fft.ifft2(products).real / (len(images) * images.shape[3])
    # the squares of both pixels, over the pairs that the image has; the real part is the mean over both orders
    power, inside = (np.fft.fft2(field, size) for field in ((images**2).mean((0, 3)), np.ones((height, width))))
    squares = np.fft.ifft2((power * inside.conj()).real).real
    offsets = np.arange(-radius, radius + 1)
    near = np.ix_(offsets, offsets)
    return np.asarray(products[near] / np.maximum(squares[near], 1e-12 * squares.max()))


def _symmetric(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a field over the symmetries of the map, which convolutions of random weights share."""
    field = (field + field[::-1] + field[:, ::-1] + field[::-1, ::-1]) / 4
    return (field + field.T) / 2 if field.shape[0] == field.shape[1] else field
