"""From a configuration to a network with its initial weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from whyrelu.config.streams import stream_seed
from whyrelu.config.targets import bind
from whyrelu.network.activations import activation_factory
from whyrelu.network.initialisation import initialise


def build_network(config: Mapping[str, Any], image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Build the network of a configuration and draw its initial weights from the run's "init" stream.

    Raises:
        UserError: the activation, the norm or the initialisation cannot be used.
    """
    seed = stream_seed(config["study"], config["depth"], config["seed"], "init")
    # for parameters that an activation of a person's own draws by itself
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
