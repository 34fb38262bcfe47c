"""Largest singular values and eigenvalues, found with products alone: no Jacobian or Hessian is ever formed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Of untrained nets on digits they leave singular values at most 5% too small and eigenvalues 10%; with 5 iterations the
# Hessian of a deep tanh net, whose eigenvalues of both signs lie close together, can come out with the wrong sign.
JACOBIAN_ITERATIONS = 5
HESSIAN_ITERATIONS = 8


class JacobianSpectrum(NamedTuple):
    """Squared singular values of d logits / d image, averaged over images: their mean, and the largest."""

    mean_square: float
    largest_square: float


def jacobian_spectrum(
    network: nn.Module, images: Tensor, generator: torch.Generator, iterations: int = JACOBIAN_ITERATIONS
) -> JacobianSpectrum:
    """Estimate the singular values of the Jacobian of each image's logits (Pennington et al. 2017).

    The mean square is Hutchinson's estimate of norm(J)^2 / min(classes, pixels), one random vector of signs per image;
    the largest comes from power iteration on J J^T, which approaches it from below.

    Args:
        network: maps images (B, C, H, W) to logits (B, classes), each image for itself.
        images: (B, C, H, W).
        generator: on the CPU, of the random vectors.
        iterations: of the power method.

    Returns:
        nan where PyTorch cannot derive the backward pass of an activation.
    """
    with torch.enable_grad():
        images = images.detach().clone().requires_grad_()
        logits = network(images)
        vectors = _signs(logits.shape, generator).to(logits)
        mean_square = math.nan
        # J^T w is linear in w, and its derivative with respect to w is J
        dummy = torch.zeros_like(logits, requires_grad=True)
        try:
            rank = min(logits[0].numel(), images[0].numel())
            first = _transposed(logits, images, vectors)
            mean_square = _square_norms(first).mean().item() / rank
            (pulled,) = torch.autograd.grad(logits, images, dummy, create_graph=True, materialize_grads=True)
            largest = torch.zeros(len(images), dtype=torch.float64)
            back = first
            for _ in range(iterations):
                # only its direction matters, and the product of two small numbers would underflow
                back = _unit_rows(back)
                (vectors,) = torch.autograd.grad(pulled, dummy, back, retain_graph=True, materialize_grads=True)
                if back.any() and not vectors.any():
                    # J J^T v cannot vanish where J^T v does not: the backward pass of an activation of a person's own
                    # is no function that PyTorch can derive
                    return JacobianSpectrum(mean_square, math.nan)
                # J J^T v: its Rayleigh quotient is norm(J^T v)^2 for a unit vector v
                vectors = _unit_rows(vectors)
                back = _transposed(logits, images, vectors)
                largest = _square_norms(back).cpu()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # an activation that can be derived only once
            return JacobianSpectrum(mean_square, math.nan)
    return JacobianSpectrum(mean_square, largest.mean().item())


def _transposed(logits: Tensor, images: Tensor, vectors: Tensor) -> Tensor:
    """J^T v for every image."""
    (product,) = torch.autograd.grad(logits, images, vectors, retain_graph=True, materialize_grads=True)
    return product


def hessian_largest_eigenvalue(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    iterations: int = HESSIAN_ITERATIONS,
) -> float:
    """Eigenvalue of largest magnitude of the Hessian of the mean cross-entropy, by Lanczos' method.

    Args:
        network: maps images (B, C, H, W) to logits (B, classes).
        images: (B, C, H, W).
        labels: (B,).
        generator: on the CPU, of the first vector.
        iterations: products of the Hessian with a vector; the result approaches the eigenvalue in magnitude from below.

    Returns:
        the eigenvalue with its sign; nan where an activation has no second derivative in PyTorch.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    start = torch.cat([torch.randn(p.numel(), generator=generator).to(p) for p in parameters])
    try:
        with torch.enable_grad():
            loss = functional.cross_entropy(network(images), labels)
            gradients = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
        return _largest_ritz_value(_hessian_product(gradients, parameters), start, iterations)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # an activation that can be derived only once
        return math.nan


def _largest_ritz_value(product: Callable[[Tensor], Tensor], start: Tensor, iterations: int) -> float:
    """Eigenvalue of largest magnitude of a symmetric matrix restricted to the Krylov space of a vector."""
    basis: list[Tensor] = []
    images: list[Tensor] = []
    vector = start
    for _ in range(min(iterations, start.numel())):
        before = torch.linalg.vector_norm(vector, dtype=torch.float64).item()
        # twice, because once leaves round-off that grows
        for _ in range(2):
            for other in basis:
                vector = vector - (other @ vector) * other
        length = torch.linalg.vector_norm(vector, dtype=torch.float64).item()
        if not math.isfinite(length):
            return math.nan
        # nothing but round-off is left: the space is exhausted
        if length <= 10 * torch.finfo(start.dtype).eps * before:
            break
        basis.append(vector / length)
        vector = product(basis[-1])
        images.append(vector)
    krylov = torch.stack(basis).double()
    restricted = krylov @ torch.stack(images).double().T
    values = torch.linalg.eigvalsh((restricted + restricted.T).cpu() / 2)
    return float(values[values.abs().argmax()])


def _hessian_product(gradients: Sequence[Tensor], parameters: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the product of the Hessian with a flat vector, as a function."""

    def product(vector: Tensor) -> Tensor:
        parts = vector.split([p.numel() for p in parameters])  # type: ignore[no-untyped-call]
        shaped = [part.reshape(p.shape) for part, p in zip(parts, parameters, strict=True)]
        rows = torch.autograd.grad(gradients, parameters, shaped, retain_graph=True, materialize_grads=True)
        return torch.cat([row.reshape(-1) for row in rows])

    return product


def _square_norms(batch: Tensor) -> Tensor:
    """Squared norm of every row, (B,), float64."""
    return batch.flatten(1).double().square().sum(1)


def _unit_rows(batch: Tensor) -> Tensor:
    lengths = _square_norms(batch).sqrt().to(batch.dtype).reshape(-1, *[1] * (batch.dim() - 1))
    return torch.where(lengths > 0, batch / lengths, batch)


def _signs(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1
