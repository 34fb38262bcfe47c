"""Activation functions: those PyTorch lacks, and how any callable becomes a module of a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from whyrelu.configuration.callables import bind
from whyrelu.errors import UserError


def rescaled_sigmoid(x: Tensor) -> Tensor:
    """4 * sigmoid(x) - 2: saturates where sigmoid does, with slope 1 and value 0 at 0 (Xu, Huang and Li 2016)."""
    return 4 * torch.sigmoid(x) - 2


def centred_sigmoid(x: Tensor) -> Tensor:
    """sigmoid(x) - 1/2: the slope of sigmoid with value 0 at 0."""
    return torch.sigmoid(x) - 0.5


class Elementwise(nn.Module):
    """A plain function of one tensor as a module, with fixed keyword arguments."""

    def __init__(self, function: Callable[..., Tensor], **arguments: Any) -> None:
        super().__init__()
        self.function = function
        self.arguments = arguments

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to x of any shape."""
        return self.function(x, **self.arguments)

    def extra_repr(self) -> str:
        """Name of the function, for printing the network."""
        return getattr(self.function, "__name__", repr(self.function))


def activation_factory(activation: Mapping[str, Any]) -> Callable[[], nn.Module]:
    """Return a function that makes one module per call: a new one each time, for activations with parameters.

    Args:
        activation: `_target_`, the import path of a class (made with the other keys as arguments, then called with a
            tensor) or of a function (called with a tensor and the other keys), and `name`.

    Raises:
        UserError: the target cannot be imported, does not take the arguments, or does not map a tensor to a tensor
            of the same shape.
    """
    bound = bind("activation", activation)

    def make() -> nn.Module:
        if not inspect.isclass(bound.func):
            return Elementwise(bound.func, **bound.keywords)
        made = bound()
        return made if isinstance(made, nn.Module) else Elementwise(made)

    _check_output(str(activation["_target_"]), make)
    return make


def _check_output(target: str, make: Callable[[], nn.Module]) -> None:
    probe = torch.linspace(-2, 2, 16).reshape(1, 1, 4, 4)
    try:
        with torch.no_grad():
            output = make()(probe)
    except Exception as error:
        raise UserError(f"activation {target!r} fails on a float tensor of shape (1, 1, 4, 4): {error}") from error
    if isinstance(output, Tensor) and not output.is_floating_point():
        raise UserError(f"activation {target!r} gives {output.dtype}, not floating-point numbers")
    if not isinstance(output, Tensor) or output.shape != probe.shape:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"activation {target!r} maps a tensor of shape (1, 1, 4, 4) to {found}, not to the same shape")
