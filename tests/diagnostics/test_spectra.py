"""Estimates of singular values and eigenvalues against those of matrices written out."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from configured import configured
from small_nets import batch, network
from whyrelu.data.arrays import load
from whyrelu.diagnostics.spectra import hessian_largest_eigenvalue, jacobian_spectrum
from whyrelu.network.initialisation import build_network

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


def test_hutchinson_is_unbiased():
    net, (images, _) = network("activation=tanh").double(), batch(8)
    images = images.double()
    found = [jacobian_spectrum(net, images, torch.Generator().manual_seed(i), 0).mean_square for i in range(200)]
    assert sum(found) / 200 == pytest.approx(singular_values(net, images).square().mean().item(), rel=0.05)


def test_power_iteration_approaches_from_below():
    net, (images, _) = network("activation=tanh").double(), batch(8)
    images = images.double()
    found = [jacobian_spectrum(net, images, generator(), iterations=n).largest_square for n in (1, 3, 10, 30)]
    assert found == sorted(found)
    assert found[-1] <= singular_values(net, images).square().amax(1).mean().item() * (1 + 1e-9)


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


class SquareOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * gradient


def test_a_backward_pass_that_cannot_be_derived_gives_nan_and_not_zero():
    net, (images, _) = network(), batch()
    for block in net.blocks:
        block.activation.forward = SquareOnce.apply
    assert math.isnan(jacobian_spectrum(net, images, generator()).largest_square)


def test_singular_values_that_vanish_are_measured():
    net = network("activation=sigmoid", "init=pytorch", "depth=24")
    images, _ = batch(4)
    found = jacobian_spectrum(net, images, torch.Generator().manual_seed(0))
    assert 0 < found.largest_square < 1e-30
    assert found.mean_square <= found.largest_square


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("depth", [2, 8, 16])
def test_so_few_iterations_are_as_good_as_the_report_says(root, activation, depth):
    config = configured(root, f"activation={activation}", f"depth={depth}", "init=critical")[0]
    arrays = load(root / "digits")
    images = torch.from_numpy(arrays.train_images[:16]).permute(0, 3, 1, 2).float()
    images, labels = (images - images.mean()) / images.std(), torch.from_numpy(arrays.train_labels[:16])
    for seed in (0, 1):
        net = build_network({**config, "seed": seed}, (8, 8, 1), 10)
        few, many = (
            (
                jacobian_spectrum(net, images, generator(), **setting).largest_square ** 0.5,
                hessian_largest_eigenvalue(net, images, labels, generator(), **setting),
            )
            for setting in ({}, {"iterations": 40})
        )
        assert 0.95 < few[0] / many[0] < 1.001
        assert 0.9 < few[1] / many[1] < 1.001
