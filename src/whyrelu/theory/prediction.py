"""What mean-field theory predicts for each layer of a plain convolutional network at initialisation.

The recursions of `whyrelu.theory.mean_field` are followed pixel by pixel, because zero padding starves the border of
the map: exact bookkeeping in place of the asymptotic factor. At a max pooling they are corrected by the moments of
`whyrelu.theory.pooling`, which need the correlation between neighbouring pixels; that is followed for the mean pixel.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whyrelu.theory.convolution import neighbourhood_mean
from whyrelu.theory.mean_field import chi_batch_norm, mean
from whyrelu.theory.moments import Moments
from whyrelu.theory.pooling import MaxPooling, max_pooling

Array = NDArray[np.float64]


class PlannedLayer(NamedTuple):
    """One convolution: sigma_w^2 = fan_in Var W, sigma_b^2 = Var b, and whether a 2x2 max pooling precedes it."""

    weight_variance: float
    bias_variance: float
    pooled: bool


class InputStatistics(NamedTuple):
    """Of normalised images.

    Attributes:
        power: mean over images and channels of squared pixels, (height, width).
        correlation: mean of x.x' over pairs of different images, relative to that of x.x.
        spatial: correlation between two pixels of an image by their offset, (2 R + 1, 2 R + 1), 1 in the centre; R one
            less than the shorter side.
    """

    power: Array
    correlation: float
    spatial: Array


class Prediction(NamedTuple):
    """Per layer, shape (layers,): the columns of the same names in `whyrelu.results.columns.THEORY_COLUMNS`."""

    q: Array
    chi: Array
    gradient_ratio: Array
    gradient_relative: Array
    collapse: Array


class _Signal(NamedTuple):
    """One layer: E[h^2] and what of it differs between images, (height, width), and the pooling before it, if any."""

    length: Array
    difference: Array
    pooling: MaxPooling | None


def predict(
    moments: Moments, layers: Sequence[PlannedLayer], inputs: InputStatistics, batch_norm: bool = False
) -> Prediction:
    """Follow lengths, gradients and the difference between images through a network with 3x3 zero-padded convolutions.

    Args:
        moments: of the activation.
        layers: the convolutions, from the input on; global average pooling follows the last.
        inputs: of the network.
        batch_norm: whether preactivations are normalised before phi (Yang et al. 2019; large batches). They have q = 1
            then, and collapse is nan.

    Returns:
        nan where a moment is not finite.
    """
    # as far as the poolings bring pixels together
    radius, needed = len(inputs.spatial) // 2, 2 ** sum(layer.pooled for layer in layers) - 1
    near = slice(radius - needed, radius + needed + 1)
    inputs = inputs._replace(spatial=inputs.spatial[near, near])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        signals = list((_normalised_signals if batch_norm else _signals)(moments, layers, inputs))
        q = np.array([signal.length.mean() for signal in signals])
        if batch_norm:
            collapse = np.full(len(layers), np.nan)
            chis = _normalised_chis(moments, signals)
            chi = np.full(len(layers), chi_batch_norm(moments.phi))
        else:
            # the sum of differences over that of squares; biases are common to all images
            collapse = np.array([np.sqrt(s.difference.sum() / s.length.sum()) for s in signals])
            following = [layer.weight_variance for layer in layers[1:]] + [np.nan]
            chis = [variance * moments.slope(s.length) for variance, s in zip(following, signals, strict=True)]
            chi = np.array([field.mean() for field in chis])
        gradients = _backward(chis, [1.0 if s.pooling is None else s.pooling.slope for s in signals], layers)
        ratio = np.append(np.sqrt(gradients[:-1] / gradients[1:]), np.nan)
        chi[-1] = np.nan
        values = (q, chi, ratio, np.sqrt(gradients / gradients[-1]), collapse)
        return Prediction(*(np.where(np.isfinite(value), value, np.nan) for value in values))


def _signals(moments: Moments, layers: Sequence[PlannedLayer], inputs: InputStatistics) -> Iterator[_Signal]:
    """Forward: lengths and differences on the map of each layer."""
    energy, difference, spatial = inputs.power, (1 - inputs.correlation) * inputs.power, inputs.spatial
    previous: tuple[float, Array, float] | None = None
    for layer in layers:
        pooling = None
        if layer.pooled:
            energy, difference = _halved(energy), _halved(difference)
            if previous is None:
                spatial = _every_second(spatial)
            else:
                pooling = max_pooling(moments.phi, *previous)
                energy, difference = energy * pooling.energy, difference * pooling.difference
                spatial = pooling.products / _centre(pooling.products)
        length = layer.weight_variance * neighbourhood_mean(energy) + layer.bias_variance
        difference = layer.weight_variance * neighbourhood_mean(difference)
        yield _Signal(length, difference, pooling)
        q = float(length.mean())
        # biases are common to all pixels
        spatial = spatial + (1 - spatial) * layer.bias_variance / q
        previous = q, spatial, float(difference.mean()) / q
        energy, difference = moments.second(length), moments.difference(length, difference)
        if len(spatial) > 1:
            spatial = moments.correlation(q, spatial)


def _normalised_signals(moments: Moments, layers: Sequence[PlannedLayer], inputs: InputStatistics) -> Iterator[_Signal]:
    """Forward with batch normalisation: lengths are 1, and correlations between pixels those of centred outputs."""
    shape, spatial = inputs.power.shape, inputs.spatial
    previous: Array | None = None
    for layer in layers:
        pooling = None
        if layer.pooled:
            shape = (shape[0] // 2, shape[1] // 2)
            if previous is None:
                spatial = _every_second(spatial)
            else:
                pooling = max_pooling(moments.phi, 1.0, previous, 1.0)
                products = pooling.products - pooling.mean**2
                spatial = products / _centre(products)
        yield _Signal(np.ones(shape), np.full(shape, np.nan), pooling)
        previous, spatial = spatial, moments.correlation(1.0, spatial, centred=True)


def _normalised_chis(moments: Moments, signals: Sequence[_Signal]) -> list[Array]:
    """What squared gradients are multiplied by where the next layer divides by the deviation of its preactivations.

    That deviation is over images and pixels, and so has a part that is the same in all images: at the border a
    preactivation lacks some of its inputs, and with them some of their mean.
    """
    mean_output = float(mean(moments.phi, 1.0))
    variance_output = float(moments.second(np.asarray(1.0))) - mean_output**2
    slope = float(moments.slope(np.asarray(1.0)))
    chis = []
    for signal, following in itertools.pairwise(signals):
        average, variance = mean_output, variance_output
        if following.pooling is not None:
            average = following.pooling.mean
            variance = _centre(following.pooling.products) - average**2
        # the part of the pixels at which each weight of the kernel finds an input
        rows, columns = (np.array([1 - 1 / side, 1, 1 - 1 / side]) for side in following.length.shape)
        reached = np.outer(rows, columns)
        deviation = variance * reached.mean() + average**2 * (reached - reached**2).mean()
        chis.append(np.full(signal.length.shape, slope / deviation))
    return [*chis, np.full(signals[-1].length.shape, np.nan)]


def _backward(chis: Sequence[Array], gains: Sequence[float], layers: Sequence[PlannedLayer]) -> Array:
    """Total squared gradient of each layer up to a common factor; shape (layers,)."""
    totals = [1.0]
    # global average pooling hands every pixel of the last map the same gradient, times the slope of its unit, which
    # varies little enough over the last map to be left out
    energy = np.full(chis[-1].shape, 1 / chis[-1].size)
    for chi, gain, following in zip(chis[-2::-1], gains[:0:-1], layers[:0:-1], strict=True):
        energy = neighbourhood_mean(energy)
        if following.pooled:
            energy = gain * _doubled(energy, chi.shape) / 4
        energy = chi * energy
        totals.append(float(energy.sum()))
    return np.array(totals[::-1])


def _centre(field: Array) -> float:
    return float(field[len(field) // 2, len(field) // 2])


def _every_second(spatial: Array) -> Array:
    """Offsets on a map that was halved."""
    radius = len(spatial) // 2
    return spatial[radius % 2 :: 2, radius % 2 :: 2]


def _halved(field: Array) -> Array:
    """Mean over 2x2 windows; an odd last row or column is dropped, as by max pooling."""
    height, width = field.shape[0] // 2, field.shape[1] // 2
    return np.asarray(field[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3)))


def _doubled(field: Array, shape: tuple[int, ...]) -> Array:
    """Every pixel four times; zero in an odd last row or column."""
    large = field.repeat(2, axis=0).repeat(2, axis=1)
    return np.pad(large, [(0, shape[0] - large.shape[0]), (0, shape[1] - large.shape[1])])
