"""What mean-field theory predicts for each layer of a convolutional network at initialisation.

The recursions of `whyrelu.theory.mean_field` are followed pixel by pixel, because zero padding starves the border of
the map. At a max pooling they are corrected by the moments of `whyrelu.theory.pooling`, which need the correlation
between neighbouring pixels; that is followed for the mean pixel.

A shortcut adds the input of its block to the second preactivation (He et al. 2015, 1512.03385). The weights of the
branch have mean zero and are taken to be independent of all before and behind, so variances add, of signals going
forward and of gradients going back (Yang and Schoenholz 2017, 1712.08969). Where the shortcut is the identity, the sum
is not normal, and a channel sees its own past: these layers are corrected by moments over a population of units.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve

from whyrelu.network.quadrature import Array, evaluate
from whyrelu.theory.mean_field import chi_batch_norm, depth_scale
from whyrelu.theory.moments import Moments
from whyrelu.theory.pooling import max_pooling, normal_windows, pooled_correlation

# Lengths and factors of gradients stay within what numbers can square, so that a gradient is lost in finite decades.
_BOUNDS = (1e-100, 1e100)


class PlannedLayer(NamedTuple):
    """One 3x3 convolution; its shortcut, if any, begins at the input of the layer before it."""

    # sigma_w^2 = fan_in Var W, sigma_b^2 = Var b
    weight_variance: float
    bias_variance: float
    # whether a 2x2 max pooling precedes it
    pooled: bool
    # sigma_w^2 of the shortcut's 1x1 convolution, 1 of an identity, 0 without a shortcut
    shortcut: float = 0.0
    is_identity: bool = False


class InputStatistics(NamedTuple):
    """Of normalised images."""

    # mean over images and channels of squared pixels, (height, width)
    power: Array
    # mean of x.x' over pairs of different images, relative to that of x.x
    correlation: float
    # correlation between two pixels of an image by their offset, (2 R + 1, 2 R + 1), 1 in the centre; R one less than
    # the shorter side
    spatial: Array


class Prediction(NamedTuple):
    """The columns of the same names in `whyrelu.results.columns.THEORY_COLUMNS`; arrays are per layer, (layers,)."""

    q: Array
    chi: Array
    gradient_ratio: Array
    gradient_relative: Array
    collapse: Array
    decades: float
    xi: float


class _Field(NamedTuple):
    """x = preactivations or outputs on a map."""

    # E[x^2], and E[x^2] - E[x x'] of two images, (height, width)
    square: Array
    difference: Array
    # correlation by offset, of the mean pixel, (2 R + 1, 2 R + 1)
    spatial: Array


class _Layer(NamedTuple):
    """A layer going forward."""

    # what its convolution is given, which is pooled already
    given: _Field
    preactivation: _Field
    output: _Field
    # E[phi'(h)^2], (height, width)
    slope: Array
    # what squared gradients are multiplied by on their way back through the convolution, border aside
    gain: float
    # h of units in windows of two images, (points, 2, 4)
    windows: Array
    # what poolings of its input, and of its shortcut's, do to the squared slopes before them
    winner: float
    shortcut_winner: float


def predict(
    moments: Moments, plan: Sequence[PlannedLayer], inputs: InputStatistics, batch_norm: bool = False
) -> Prediction:
    """Follow lengths, gradients and the difference between images through a network with 3x3 zero-padded convolutions.

    Global average pooling follows the last convolution. With batch normalisation before phi (Yang et al. 2019; large
    batches) branches have q = 1, and collapse is missing. Numbers that are not finite are missing.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        layers = _forward(moments, plan, inputs, batch_norm)
        logarithms = _backward(moments, plan, layers)
        ratio = np.append(np.exp(-np.diff(logarithms) / 2), np.nan)
        if any(planned.shortcut for planned in plan):
            chi = ratio[:-1] ** 2
        elif batch_norm:
            chi = np.full(len(plan) - 1, chi_batch_norm(moments.phi))
        else:
            chi = np.array([after.gain * layer.slope.mean() for layer, after in itertools.pairwise(layers)])
        fields = [layer.preactivation for layer in layers]
        # the sum of differences over that of squares; biases are common to all images
        collapse = [np.nan if batch_norm else np.sqrt(h.difference.sum() / h.square.sum()) for h in fields]
        arrays = {
            "q": np.array([h.square.mean() for h in fields]),
            "chi": np.append(chi, np.nan),
            "gradient_ratio": ratio,
            "gradient_relative": np.exp((logarithms - logarithms[-1]) / 2),
            "collapse": np.array(collapse),
        }
        return Prediction(
            **{name: np.where(np.isfinite(array), array, np.nan) for name, array in arrays.items()},
            decades=float((logarithms[0] - logarithms[-1]) / 2 / np.log(10)),
            xi=depth_scale(np.clip(chi, *_BOUNDS)),
        )


def _forward(moments: Moments, plan: Sequence[PlannedLayer], inputs: InputStatistics, batch_norm: bool) -> list[_Layer]:
    # as far as the poolings bring pixels together
    radius, needed = len(inputs.spatial) // 2, 2 ** sum(planned.pooled for planned in plan) - 1
    near = slice(radius - needed, radius + needed + 1)
    output = _Field(inputs.power, (1 - inputs.correlation) * inputs.power, inputs.spatial[near, near])
    layers: list[_Layer] = []
    for i, planned in enumerate(plan):
        given, winner, shortcut_winner = output, 1.0, 1.0
        if planned.pooled:
            given, winner = _pooled(moments, output, layers[-1] if layers else None, batch_norm)
        h, gain = _normalised(given) if batch_norm else _convolved(given, planned)
        branch = h
        if planned.shortcut:
            past = layers[-1].given
            if planned.pooled:
                # what is pooled a second time is only halved
                source = layers[-2] if i > 1 and not plan[i - 1].pooled else None
                past, shortcut_winner = _pooled(moments, past, source, batch_norm)
            h = _sum(h, past, planned.shortcut)
        if planned.is_identity and i > 1:
            windows = _windows(branch, i) + evaluate(moments.phi.value, layers[-2].windows)
            output, slope = _activated(moments, h, windows, batch_norm)
        else:
            windows = _windows(h, i)
            output, slope = _activated(moments, h, None, batch_norm)
        layers.append(_Layer(given, h, output, slope, gain, windows, winner, shortcut_winner))
    return layers


def _backward(moments: Moments, plan: Sequence[PlannedLayer], layers: Sequence[_Layer]) -> Array:
    """Logarithm of the total squared gradient of each layer up to a common constant; shape (layers,)."""
    count = len(layers)
    # global average pooling hands every pixel of the last map the same gradient, times the slope of its unit, which
    # varies little enough over the last map to be left out
    shape = layers[-1].slope.shape
    energies = {count - 1: np.full(shape, 1 / np.prod(shape))}
    logarithms = np.zeros(count)
    # of the units in `windows`, up to a factor, where it is not only their own slope
    units: dict[int, Array] = {}
    for i in range(count - 2, -1, -1):
        layer, after, shape = layers[i], layers[i + 1], layers[i].slope.shape
        branch = after.gain * _window_mean(energies[i + 1])
        if plan[i + 1].pooled:
            branch = after.winner * _unpooled(branch, shape)
        shortcut = np.zeros(shape)
        if i + 2 < count and plan[i + 2].shortcut:
            shortcut = plan[i + 2].shortcut * np.exp(logarithms[i + 2] - logarithms[i + 1]) * energies[i + 2]
            if plan[i + 2].pooled:
                shortcut = layers[i + 2].shortcut_winner * _unpooled(shortcut, after.slope.shape)
            if plan[i + 1].pooled:
                shortcut = after.winner * _unpooled(shortcut, shape)
            if plan[i + 2].is_identity:
                # a unit that has a slope now is likely to have one later
                slopes = _squared_slopes(moments, layer)
                later = units.get(i + 2, _squared_slopes(moments, layers[i + 2]))
                later = later / later.mean()
                units[i] = slopes * (branch.sum() + shortcut.sum() * later)
                shortcut = shortcut * (slopes * later).mean() / slopes.mean()
        energy = np.clip(layer.slope, *_BOUNDS) * (branch + shortcut)
        logarithms[i] = logarithms[i + 1] + np.log(energy.sum())
        energies[i] = energy / energy.sum()
    return logarithms


def _convolved(given: _Field, planned: PlannedLayer) -> tuple[_Field, float]:
    """Preactivations, and what squared gradients are multiplied by on their way back."""
    square = planned.weight_variance * _window_mean(given.square) + planned.bias_variance
    difference = planned.weight_variance * _window_mean(given.difference)
    bounded = np.clip(square, *_BOUNDS)
    # biases are common to all pixels, as to all images
    spatial = given.spatial + (1 - given.spatial) * min(1.0, planned.bias_variance / float(square.mean()))
    return _Field(bounded, difference / square * bounded, spatial), planned.weight_variance


def _normalised(given: _Field) -> tuple[_Field, float]:
    """The same with batch normalisation, whose deviation is over images and pixels.

    It has a part that is the same in all images: at the border a preactivation lacks some of its inputs, and with them
    some of their mean.
    """
    variance, squared_mean = given.difference.mean(), (given.square - given.difference).mean()
    # the part of the pixels at which each weight of the kernel finds an input
    reached = np.multiply.outer(*(np.array([1 - 1 / side, 1, 1 - 1 / side]) for side in given.square.shape))
    deviation = variance * reached.mean() + squared_mean * (reached - reached**2).mean()
    ones = np.ones_like(given.square)
    return _Field(ones, ones, given.spatial), float(1 / deviation)


def _sum(h: _Field, past: _Field, variance: float) -> _Field:
    weight = variance * past.square.mean() / (h.square.mean() + variance * past.square.mean())
    return _Field(
        np.clip(h.square + variance * past.square, *_BOUNDS),
        np.clip(h.difference + variance * past.difference, 0, _BOUNDS[1]),
        (1 - weight) * h.spatial + weight * past.spatial,
    )


def _activated(moments: Moments, h: _Field, windows: Array | None, batch_norm: bool) -> tuple[_Field, Array]:
    """Outputs and squared slopes; `windows` of preactivations that are not normal correct what normal ones would do."""
    square, slope = moments.second(h.square), moments.slope(h.square)
    difference = moments.difference(h.square, h.difference)
    if windows is not None:
        outputs, slopes = evaluate(moments.phi.value, windows), evaluate(moments.phi.slope, windows)
        q, apart = map(np.asarray, ((windows**2).mean(), (np.diff(windows, axis=1) ** 2).mean() / 2))
        square = square * (outputs**2).mean() / moments.second(q)
        slope = slope * (slopes**2).mean() / moments.slope(q)
        difference = difference * (np.diff(outputs, axis=1) ** 2).mean() / 2 / moments.difference(q, apart)
    spatial = moments.correlation(float(h.square.mean()), h.spatial, centred=batch_norm)
    return _Field(square, difference, spatial), slope


def _pooled(moments: Moments, output: _Field, layer: _Layer | None, batch_norm: bool) -> tuple[_Field, float]:
    """Outputs after a max pooling, which images are only halved by, and what happens to the squared slopes."""
    if layer is None:
        radius = len(output.spatial) // 2
        spatial = output.spatial[radius % 2 :: 2, radius % 2 :: 2]
        return _Field(_halved(output.square), _halved(output.difference), spatial), 1.0
    h = layer.preactivation
    pooling = max_pooling(moments.phi, layer.windows)
    spatial = pooled_correlation(moments.phi, float(h.square.mean()), h.spatial, centred=batch_norm)
    square, difference = pooling.energy * _halved(output.square), pooling.difference * _halved(output.difference)
    return _Field(square, difference, spatial), pooling.slope


def _windows(h: _Field, layer: int) -> Array:
    q = float(h.square.mean())
    return normal_windows(q, h.spatial, float(h.difference.mean()) / q, layer)


def _squared_slopes(moments: Moments, layer: _Layer) -> Array:
    """Of the units in `windows`."""
    return evaluate(moments.phi.slope, layer.windows) ** 2


def _window_mean(field: Array) -> Array:
    """Mean over the 3x3 window around every pixel, with zeros outside (Xiao et al. 2018, there with none outside)."""
    return np.asarray(convolve(field, np.full((3, 3), 1 / 9), mode="constant"))


def _halved(field: Array) -> Array:
    """Mean over 2x2 windows; an odd last row or column is dropped, as by max pooling."""
    height, width = field.shape[0] // 2, field.shape[1] // 2
    return np.asarray(field[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3)))


def _unpooled(field: Array, shape: tuple[int, ...]) -> Array:
    """A quarter to each pixel of a 2x2 window; zero in an odd last row or column."""
    large = field.repeat(2, axis=0).repeat(2, axis=1) / 4
    return np.pad(large, [(0, shape[0] - large.shape[0]), (0, shape[1] - large.shape[1])])
