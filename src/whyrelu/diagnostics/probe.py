"""One look inside a network: a forward and a backward pass of its own, which leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from whyrelu.diagnostics.quantities import is_constant
from whyrelu.errors import UserError


class Layer(NamedTuple):
    """A layer of a network: the weights that make its preactivations, and the activation that takes them."""

    weight: nn.Parameter
    activation: nn.Module


class LayerState(NamedTuple):
    """What one layer does on a batch.

    Attributes:
        preactivation: h, what goes into the activation, (B, C, ...).
        output: a = phi(h), the same shape.
        gradient: of the loss summed over images with respect to h.
        weight_gradient: of the mean loss, in the shape of the weights.
    """

    preactivation: Tensor
    output: Tensor
    gradient: Tensor
    weight_gradient: Tensor


def layers_of(network: nn.Module) -> list[Layer]:
    """Return the convolutions of a network with their activations, from the input on.

    Raises:
        UserError: the network is not made of blocks with a `convolution` and an `activation`.
    """
    try:
        return [Layer(block.convolution.weight, block.activation) for block in network.blocks]  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        raise UserError(
            "diagnostics need a model whose `blocks` each have a `convolution` and an `activation`; diagnostics=off "
            "trains any other"
        ) from None


def look(network: nn.Module, layers: Sequence[Layer], images: Tensor, labels: Tensor) -> list[LayerState]:
    """Run a batch through a network and the gradients of its cross-entropy back.

    Args:
        network: maps images (B, C, H, W) to logits (B, classes); in the mode in which it trains.
        layers: its layers, from the input on.
        images: (B, C, H, W).
        labels: (B,).

    Returns:
        one state per layer, detached.
    """
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def keep_input(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        inputs.append(arguments[0])
        # an activation that works in place must not spoil what was kept
        return (arguments[0].clone(), *arguments[1:])

    with torch.enable_grad(), ExitStack() as hooks:
        for activation in _distinct_activations(layers):
            hooks.enter_context(activation.register_forward_pre_hook(keep_input))
            hooks.enter_context(activation.register_forward_hook(lambda *call: outputs.append(call[2])))
        loss = functional.cross_entropy(network(images), labels, reduction="sum")
        if len(outputs) != len(layers):
            raise UserError(
                f"diagnostics need a model that applies one activation per block; {len(layers)} blocks of this one "
                f"applied {len(outputs)}: diagnostics=off trains it"
            )
        gradients = torch.autograd.grad(loss, [*inputs, *(layer.weight for layer in layers)], materialize_grads=True)
    count = len(layers)
    return [
        LayerState(inputs[i].detach(), outputs[i].detach(), gradients[i], gradients[count + i] / len(images))
        for i in range(count)
    ]


class Variation:
    """Which channels of every layer have put out something else for one image than for another.

    Channels that have shown it once are settled; images are shown only as long as there are others.

    Args:
        layers: whose outputs.
        outputs: of the first images, (B, C, ...) for each layer.
    """

    def __init__(self, layers: Sequence[Layer], outputs: Sequence[Tensor]) -> None:
        self._layers = layers
        self._first = [output[:1] for output in outputs]
        self.dead = [is_constant(output) for output in outputs]

    def show(self, network: nn.Module, images: Tensor) -> None:
        """Run images (B, C, H, W) through the network, unless every channel is settled."""
        if not any(bool(dead.any()) for dead in self.dead):
            return
        outputs: list[Tensor] = []
        with torch.no_grad(), ExitStack() as hooks:
            for activation in _distinct_activations(self._layers):
                hooks.enter_context(activation.register_forward_hook(lambda *call: outputs.append(call[2])))
            network(images)
        for i, output in enumerate(outputs):
            open_ = self.dead[i].nonzero()[:, 0]
            if len(open_):
                still = is_constant(torch.cat([self._first[i][:, open_], output[:, open_]]))
                self.dead[i] = self.dead[i].index_put((open_,), still)


def _distinct_activations(layers: Sequence[Layer]) -> list[nn.Module]:
    """The modules to hook: layers may share one, which is then called once for each of them, in their order."""
    return list({id(layer.activation): layer.activation for layer in layers}.values())


def images_are_independent(network: nn.Module, images: Tensor) -> bool:
    """Whether the logits of one image depend on no other image of its batch; batch normalisation makes them.

    Args:
        network: in the mode in which it trains.
        images: (B, C, H, W), at least 2.
    """
    with torch.enable_grad():
        probe = images.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(probe)[0].sum(), probe, materialize_grads=True)
    # what overflowed says nothing
    return not bool(gradient[1:].nan_to_num(0.0, 0.0, 0.0).any())


@contextmanager
def as_training(network: nn.Module, seed: int) -> Iterator[None]:
    """The network in the mode in which it trains; buffers and random generators are afterwards as they were.

    In evaluation mode batch normalisation would use running statistics, which mean nothing before training.

    Args:
        network: any.
        seed: of activations that are random themselves.
    """
    was_training = network.training
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    device = next(network.parameters()).device
    network.train()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield
    finally:
        network.train(was_training)
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
