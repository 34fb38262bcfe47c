"""Activation functions: those PyTorch lacks, and how any callable becomes a module of a network."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from whyrelu.config.targets import bind
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
        UserError: the target cannot be imported, does not take the arguments, does not map a tensor to a tensor of the
            same shape, or is not finite or has no derivative where preactivations are.
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
    # several images and channels, so that an activation which drops one of these is found out
    shape = (2, 3, 4, 4)
    probe = torch.linspace(-2, 2, math.prod(shape)).reshape(shape)
    try:
        with torch.enable_grad():
            leaf = probe.clone().requires_grad_()
            # the copy is for activations that work in place, which a leaf forbids
            output = make()(leaf.clone())
    except Exception as error:
        raise UserError(f"activation {target!r} fails on a float tensor of shape {shape}: {error}") from error
    if isinstance(output, Tensor) and output.dtype != probe.dtype:
        raise UserError(f"activation {target!r} gives {output.dtype} for {probe.dtype}, not the same")
    if not isinstance(output, Tensor) or output.shape != probe.shape:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"activation {target!r} maps a tensor of shape {shape} to {found}, not to the same shape")
    _check_numbers(f"activation {target!r}", output.detach(), probe)
    _check_numbers(f"the derivative of activation {target!r}", _derivative(target, output, leaf), probe)


def _derivative(target: str, output: Tensor, leaf: Tensor) -> Tensor:
    """Return d output / d leaf as training would find it; that of a step function is zero, which is a derivative."""
    try:
        (gradient,) = torch.autograd.grad(output, leaf, torch.ones_like(output))
    except Exception as error:
        raise UserError(
            f"activation {target!r} has no derivative that PyTorch can find, so that no layer below it would learn: "
            "write it in functions of torch, without detach(), NumPy or torch.no_grad()"
        ) from error
    return gradient


def _check_numbers(what: str, values: Tensor, x: Tensor) -> None:
    wrong = ~values.isfinite()
    if wrong.any():
        raise UserError(
            f"{what} is {values[wrong][0].item()} at {x[wrong][0].item():g}; "
            "it must be a finite number between -2 and 2"
        )
