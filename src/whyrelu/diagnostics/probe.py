"""One look inside a network: a forward and a backward pass of its own, which leave it as they found it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from whyrelu.diagnostics.quantities import is_constant
from whyrelu.errors import UserError

# Images without gradients that go through the network at once.
_CHUNK = 128


class Layer(NamedTuple):
    """A layer of a network: the weights that make its preactivations, and the activation that takes them."""

    weight: nn.Parameter
    activation: nn.Module


class LayerState(NamedTuple):
    """What one layer does on a batch, (B, C, ...) but for the weights."""

    # h, what goes into the activation
    preactivation: Tensor
    # a = phi(h)
    output: Tensor
    # of the loss summed over images with respect to h
    gradient: Tensor
    # of the mean loss
    weight_gradient: Tensor


def layers_of(network: nn.Module) -> list[Layer]:
    """The convolutions of a network with their activations, from the input on; one without is a UserError."""
    try:
        return [Layer(block.convolution.weight, block.activation) for block in network.blocks]  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        raise UserError(
            "diagnostics need a model whose `blocks` each have a `convolution` and an `activation`; diagnostics=off "
            "trains any other"
        ) from None


def look(network: nn.Module, layers: Sequence[Layer], images: Tensor, labels: Tensor) -> list[LayerState]:
    """Run images (B, C, H, W) through a network and the gradients of its cross-entropy back; one state per layer."""
    with torch.enable_grad(), _watched(layers) as (inputs, outputs):
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


def dead_channels(net: nn.Module, layers: Sequence[Layer], outputs: Sequence[Tensor], further: Tensor) -> list[Tensor]:
    """Which channels of every layer put out the same for all images, of which the first gave `outputs`; (C,) each."""
    dead = [is_constant(output) for output in outputs]
    for images in further.split(_CHUNK) if len(further) else ():  # type: ignore[no-untyped-call]
        # further ones are shown only as long as some channel seems dead
        if not bool(torch.cat(dead).any()):
            break
        with torch.no_grad(), _watched(layers) as (_, seen):
            net(images)
        dead = [
            found & is_constant(torch.cat([first[:1], output]))
            for found, first, output in zip(dead, outputs, seen, strict=True)
        ]
    return dead


@contextmanager
def _watched(layers: Sequence[Layer]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Yield lists that fill with what goes into and comes out of the activations of layers, in their order."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def keep_input(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        inputs.append(arguments[0])
        # an activation that works in place must not spoil what was kept
        return (arguments[0].clone(), *arguments[1:])

    with ExitStack() as hooks:
        # layers may share a module, which is then called once for each of them
        for activation in {layer.activation: None for layer in layers}:
            hooks.enter_context(activation.register_forward_pre_hook(keep_input))
            hooks.enter_context(activation.register_forward_hook(lambda *call: outputs.append(call[2])))
        yield inputs, outputs


def images_are_independent(network: nn.Module, images: Tensor) -> bool:
    """Whether the logits of one image depend on no other image of its batch; batch normalisation makes them."""
    with torch.enable_grad():
        probe = images.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(probe)[0].sum(), probe, materialize_grads=True)
    # what overflowed says nothing
    return not bool(gradient[1:].nan_to_num(0.0, 0.0, 0.0).any())


@contextmanager
def as_training(network: nn.Module, seed: int) -> Iterator[None]:
    """The network in the mode in which it trains; buffers and random generators are afterwards as they were.

    In evaluation mode batch normalisation would use running statistics, which mean nothing before training. The seed is
    of activations that are random themselves.
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
