"""Activation functions: those PyTorch lacks, and how any callable becomes a module of a network."""

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


def shifted_sigmoid(x: Tensor, shift: float) -> Tensor:
    """sigmoid(x) - shift: at 1/2 the centred sigmoid."""
    return torch.sigmoid(x) - shift


def relu_squared(x: Tensor) -> Tensor:
    """relu(x)^2 (So et al. 2021)."""
    return torch.relu(x).square()


class Elementwise(nn.Module):
    """A plain function of one tensor as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to x of any shape."""
        return self.function(x)


def activation_factory(activation: Mapping[str, Any]) -> Callable[[], nn.Module]:
    """Return a function that makes a new module per call, for activations with parameters.

    `_target_` is the import path of a class, made with the other keys as arguments and then called with a tensor, or of
    a function of a tensor and the other keys. One that keeps no shape or has no derivative is a UserError.
    """
    bound = bind("activation", activation)

    def make() -> nn.Module:
        made = bound() if inspect.isclass(bound.func) else bound
        return made if isinstance(made, nn.Module) else Elementwise(made)

    _check_output(f"activation {str(activation['_target_'])!r}", make)
    return make


def _check_output(what: str, make: Callable[[], nn.Module]) -> None:
    # several images and channels, so that an activation which drops one of these is found out
    shape = (2, 3, 4, 4)
    x = torch.linspace(-2, 2, math.prod(shape)).reshape(shape).requires_grad_()
    try:
        with torch.enable_grad():
            # the copy is for activations that work in place, which a leaf forbids
            output = make()(x.clone())
    except Exception as error:
        raise UserError(f"{what} fails on a float tensor of shape {shape}: {error}") from error
    if not isinstance(output, Tensor) or output.shape != shape:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"{what} maps a tensor of shape {shape} to {found}, not to the same shape")
    if not output.isfinite().all():
        place = x[~output.isfinite()][0].item()
        raise UserError(f"{what} is not finite at {place:g}; it must be a finite number between -2 and 2")
    try:
        # that of a step function is zero, which is a derivative
        torch.autograd.grad(output, x, torch.ones_like(output))
    except Exception as error:
        raise UserError(
            f"{what} has no derivative that PyTorch can find, so that no layer below it would learn: "
            "write it in functions of torch, without detach(), NumPy or torch.no_grad()"
        ) from error
