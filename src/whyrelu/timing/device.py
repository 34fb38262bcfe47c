"""Where and in which numbers a study computes: device, element type and automatic casting of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from whyrelu.errors import UserError

# Lightning's precision flags: type of parameters, and of what convolutions compute and activations are applied to.
_TYPES = {
    "32-true": (torch.float32, torch.float32),
    "64-true": (torch.float64, torch.float64),
    "bf16-mixed": (torch.float32, torch.bfloat16),
    "16-mixed": (torch.float32, torch.float16),
}


def device_of(accelerator: str) -> torch.device:
    """The device that trainer.accelerator means here.

    Raises:
        UserError: this machine has no such device.
    """
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if accelerator == "cpu" or (accelerator == "auto" and found is None):
        return torch.device("cpu")
    if found is None or accelerator not in ("auto", "gpu", found.type):
        raise UserError(f"trainer.accelerator={accelerator} cannot be used on this machine; trainer=cpu can")
    return found


def device_name(device: torch.device) -> str | None:
    """What a CUDA device calls itself; None for all others, which have no name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


def parameter_type(precision: str) -> torch.dtype:
    """The type of weights and images."""
    return _TYPES[precision][0]


def activation_type(precision: str) -> torch.dtype:
    """The type of the numbers that activations are applied to."""
    return _TYPES[precision][1]


def casting(config: Mapping[str, Any], device: torch.device) -> AbstractContextManager[Any]:
    """The automatic casting of a configuration's forward passes; gradients are not scaled, which takes no time."""
    own, used = _TYPES[config["precision"]]
    return nullcontext() if own == used else torch.autocast(device.type, used)
