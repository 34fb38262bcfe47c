"""Networks with their initial weights, and the variances of these, one function per scheme.

All schemes draw from the uniform distribution: runs which differ in the scheme start from the same draws, scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from whyrelu.config.streams import stream_seed
from whyrelu.config.targets import bind
from whyrelu.errors import UserError
from whyrelu.network.activations import activation_factory
from whyrelu.network.quadrature import gaussian_expectation
from whyrelu.network.scalar import scalar_function


class Variances(NamedTuple):
    """Var W and Var b of one layer."""

    weight: float
    bias: float


Scheme = Callable[[nn.Module, int, int], Variances]


def pytorch_variances(activation: nn.Module, fan_in: int, fan_out: int) -> Variances:
    """PyTorch's default, kaiming_uniform with a = sqrt(5): Var W = Var b = 1 / (3 fan_in)."""
    return Variances(1 / (3 * fan_in), 1 / (3 * fan_in))


def xavier_variances(activation: nn.Module, fan_in: int, fan_out: int) -> Variances:
    """Glorot and Bengio 2010, eq. 12: Var W = 2 / (fan_in + fan_out)."""
    return Variances(2 / (fan_in + fan_out), 0.0)


def he_variances(activation: nn.Module, fan_in: int, fan_out: int) -> Variances:
    """He et al. 2015, eq. 10: Var W = 2 / fan_in."""
    return Variances(2 / fan_in, 0.0)


def critical_variances(activation: nn.Module, fan_in: int, fan_out: int) -> Variances:
    """Var W = 1 / (E[phi(z)^2] fan_in), z ~ N(0, 1), such that the length map has V(1) = 1 (Poole et al. 2016)."""
    phi = scalar_function(activation)
    second_moment = float(gaussian_expectation(lambda z: phi.value(z).square(), 1.0, phi.edges))
    if not (math.isfinite(second_moment) and second_moment > 0):
        raise UserError(
            f"init=critical needs an activation with 0 < E[phi(z)^2] < inf for z ~ N(0, 1); it is {second_moment:g} "
            "for this one: use init=he, xavier or pytorch"
        )
    return Variances(1 / second_moment / fan_in, 0.0)


def build_network(config: Mapping[str, Any], image_shape: Sequence[int], classes: int) -> nn.Module:
    """Build the network of a configuration and draw its initial weights from the run's "init" stream."""
    seed = stream_seed(config["study"], config["depth"], config["seed"], "init")
    # for parameters that a person's own activation draws
    torch.manual_seed(seed)
    make_activation = activation_factory(config["activation"])
    network: nn.Module = bind("model", config["model"])(
        image_shape=image_shape,
        classes=classes,
        depth=config["depth"],
        width=config["width"],
        activation=make_activation,
        norm=bind("norm", config["norm"]),
    )
    scheme = bind("init", config["init"])
    initialise(network, make_activation(), scheme, torch.Generator().manual_seed(seed))
    return network


def initialise(network: nn.Module, activation: nn.Module, scheme: Scheme, generator: torch.Generator) -> None:
    """Draw weights and biases of every convolution and linear layer, as many whatever the scheme makes of its fans."""
    variances_of = cache(scheme)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            outputs, inputs, *kernel = layer.weight.shape
            variances = variances_of(activation, inputs * math.prod(kernel), outputs * math.prod(kernel))
            weight = _uniform(layer.weight.shape, variances.weight, generator)
            bias = _uniform((outputs,), variances.bias, generator)
            with torch.no_grad():
                layer.weight.copy_(weight)
                if layer.bias is not None:
                    layer.bias.copy_(bias)


def _uniform(shape: tuple[int, ...], variance: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator) * 2 - 1) * math.sqrt(3 * variance)
