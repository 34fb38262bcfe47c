"""Estimates of singular values and eigenvalues against those of matrices written out."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from small_nets import batch, network
from whyrelu.diagnostics.spectra import hessian_largest_eigenvalue, jacobian_spectrum

pytestmark = pytest.mark.usefixtures("one_thread")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def singular_values(net: nn.Module, images: Tensor) -> Tensor:
    """(B, classes), by writing out every Jacobian."""
    jacobians = [torch.autograd.functional.jacobian(lambda x: net(x[None])[0], image) for image in images]
    return torch.stack([torch.linalg.svdvals(j.flatten(1)) for j in jacobians])


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_jacobian_against_the_matrix_itself(activation):
    net, (images, _) = network(f"activation={activation}").double(), batch(60, seed=3)
    images = images.double()
    found = jacobian_spectrum(net, images, generator(), iterations=60)
    exact = singular_values(net, images).square()
    assert found.largest_square == pytest.approx(exact.amax(1).mean().item(), rel=0.01)
    assert found.mean_square == pytest.approx(exact.mean().item(), rel=0.2)


@pytest.mark.parametrize("activation", ["sigmoid", "gelu"])
def test_hessian_against_the_matrix_itself(activation):
    net = network("depth=1", "width=2", f"activation={activation}", classes=3).double()
    images, labels = batch(20, classes=3)
    images = images.double()
    names, values = zip(*net.named_parameters(), strict=True)

    def loss(*parameters: Tensor) -> Tensor:
        outputs = torch.func.functional_call(net, dict(zip(names, parameters, strict=True)), images)
        return functional.cross_entropy(outputs, labels)

    blocks = torch.autograd.functional.hessian(loss, values)
    sizes = [value.numel() for value in values]
    matrix = torch.cat(
        [torch.cat([blocks[i][j].reshape(sizes[i], sizes[j]) for j in range(len(sizes))], 1) for i in range(len(sizes))]
    )
    eigenvalues = torch.linalg.eigvalsh(matrix)
    largest = eigenvalues[eigenvalues.abs().argmax()].item()
    found = hessian_largest_eigenvalue(net, images, labels, generator(), iterations=30)
    assert found == pytest.approx(largest, rel=0.01)


class Slope(torch.autograd.Function):
    """2 x, which cannot be derived."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        raise NotImplementedError("no second derivative")


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return Slope.apply(ctx.saved_tensors[0]) * gradient


def test_without_second_derivatives_the_result_is_nan():
    net, (images, labels) = network(), batch()
    for block in net.blocks:
        block.activation.forward = Square.apply
    assert math.isnan(hessian_largest_eigenvalue(net, images, labels, generator()))
    # those with respect to the outputs alone need no second derivative of the activation
    assert all(math.isfinite(value) for value in jacobian_spectrum(net, images, generator()))
