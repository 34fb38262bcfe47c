"""Networks with their initial weights, and the variances of these, one function per scheme.

All schemes draw from the uniform distribution: runs which differ in the scheme start from the same draws, scaled.
"""

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
from whyrelu.network.edge import edge_weight_variance
from whyrelu.network.moments import second_moment
from whyrelu.network.scalar import scalar_function


class Variances(NamedTuple):
    """Var W and Var b of one layer."""

    weight: float
    bias: float


class Layer(NamedTuple):
    """What the variances of a layer may depend on; the first, the classifier and those of shortcuts are not hidden."""

    fan_in: int
    fan_out: int
    is_hidden: bool = True


Scheme = Callable[[nn.Module, Layer], Variances]


def pytorch_variances(activation: nn.Module, layer: Layer) -> Variances:
    """PyTorch's default, kaiming_uniform with a = sqrt(5): Var W = Var b = 1 / (3 fan_in)."""
    return Variances(1 / (3 * layer.fan_in), 1 / (3 * layer.fan_in))


def xavier_variances(activation: nn.Module, layer: Layer) -> Variances:
    """Glorot and Bengio 2010, eq. 12: Var W = 2 / (fan_in + fan_out)."""
    return Variances(2 / (layer.fan_in + layer.fan_out), 0.0)


def lecun_variances(activation: nn.Module, layer: Layer) -> Variances:
    """LeCun et al. 1998, eq. 16: Var W = 1 / fan_in."""
    return Variances(1 / layer.fan_in, 0.0)


def he_variances(activation: nn.Module, layer: Layer) -> Variances:
    """He et al. 2015, eq. 10: Var W = 2 / fan_in."""
    return Variances(2 / layer.fan_in, 0.0)


def gain_variances(activation: nn.Module, layer: Layer, gain: float) -> Variances:
    """Var W = sigma_w^2 / fan_in with sigma_w^2 = `gain` in hidden layers, and 1 in the first and the classifier.

    So the first preactivations have variance 1, like the inputs, and theory recurses from there.
    """
    return Variances((gain if layer.is_hidden else 1) / layer.fan_in, 0.0)


def variance_variances(activation: nn.Module, layer: Layer) -> Variances:
    """As `gain_variances`, with the sigma_w^2 that keeps the variance of signals: V(1) = 1 (Poole et al. 2016)."""
    if not layer.is_hidden:
        return gain_variances(activation, layer, 1)
    second = float(second_moment(scalar_function(activation), 1.0))
    if not (math.isfinite(second) and second > 0):
        raise UserError(
            f"init=variance needs an activation with 0 < E[phi(z)^2] < inf for z ~ N(0, 1); it is {second:g} for this "
            "one: use init=he, xavier or pytorch"
        )
    return gain_variances(activation, layer, 1 / second)


def edge_variances(activation: nn.Module, layer: Layer) -> Variances:
    """As `gain_variances`, with the sigma_w^2 that keeps the size of gradients (`whyrelu.network.edge`)."""
    return gain_variances(activation, layer, edge_weight_variance(activation) if layer.is_hidden else 1)


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
    modules = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    classifier = next((module for module in reversed(modules) if isinstance(module, nn.Linear)), None)
    for module in modules:
        outputs, _, *kernel = module.weight.shape
        # a convolution of one pixel is a shortcut's
        is_hidden = module not in (modules[0], classifier) and kernel != [1, 1]
        variances = variances_of(activation, Layer(module.weight[0].numel(), outputs * math.prod(kernel), is_hidden))
        weight = _uniform(module.weight.shape, variances.weight, generator)
        bias = _uniform((outputs,), variances.bias, generator)
        with torch.no_grad():
            module.weight.copy_(weight)
            if module.bias is not None:
                module.bias.copy_(bias)


def _uniform(shape: tuple[int, ...], variance: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator) * 2 - 1) * math.sqrt(3 * variance)
