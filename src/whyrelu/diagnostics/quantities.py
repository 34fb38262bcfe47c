"""Numbers of one layer, as functions of its tensors.

Preactivations h and outputs a have shape (B, ...), the images of a batch first; a unit is one element of the rest, and
of convolutions a channel is (B, C, ...). All results are 0-dimensional tensors on the device of their arguments.
"""

import math

import torch
from torch import Tensor
from torch.linalg import vector_norm


def norm(tensor: Tensor) -> Tensor:
    """Euclidean norm, summed in float64: squares of float32 gradients that nearly vanish would underflow."""
    return vector_norm(tensor, dtype=torch.float64)  # type: ignore[no-any-return]


def gradient_norm(gradient: Tensor) -> Tensor:
    """Root mean square over images of norm(dL_i / dh_i), (B, ...) (Schoenholz et al. 2017).

    The loss is *summed* over images. A mean over units instead of the norm would change with the width.
    """
    return norm(gradient) / math.sqrt(len(gradient))


def gradient_ratio(gradient: Tensor, saturated: Tensor) -> Tensor:
    """Root mean square of dL/dh over the saturated units, relative to the others; nan if there are none of either."""
    count = saturated.count_nonzero().double()
    ratio = norm(gradient.where(saturated, 0)) / norm(gradient.where(~saturated, 0))
    return ratio * ((saturated.numel() - count) / count).sqrt()


def collapse_ratio(preactivation: Tensor) -> Tensor:
    """Root mean square over units of the standard deviation across images, relative to the root mean square of h.

    1 where units have no mean, 0 where all images have become the same; float32 cannot tell less than about 1e-7.
    """
    # in the order of memory, which a reduction over images is much faster in; units have no order
    units = _by_image(preactivation)
    # two passes: E[h^2] - E[h]^2 would cancel long before float32 ends
    return norm(units - units.mean(0)) / norm(units)


def mean_square(tensor: Tensor) -> Tensor:
    """E[x^2] over all elements: the length q of mean-field theory (Poole et al. 2016), taken of preactivations."""
    return norm(tensor).square() / tensor.numel()


def is_constant(output: Tensor) -> Tensor:
    """Which channels of (B, C, ...) give the same output for every image, pixel by pixel (dead: Lu et al. 2019)."""
    others = tuple(axis for axis in range(output.dim()) if axis != 1)
    return (output != output[:1]).sum(others) == 0


def effective_rank(output: Tensor) -> Tensor:
    """exp(entropy of the normalised singular values) of the outputs, centred over images (Roy and Vetterli 2007).

    Between 1 and B - 1; nan if all images have the same output.
    """
    features = _by_image(output).double()
    features = features - features.mean(0)
    # the singular values through the small (B, B) Gram matrix
    eigenvalues = torch.linalg.eigvalsh(features @ features.T)
    # what is below the round-off of the largest is none
    significant = eigenvalues > eigenvalues[-1] * len(features) * torch.finfo(torch.float64).eps
    singular = torch.where(significant, eigenvalues, 0).sqrt()
    shares = singular / singular.sum()
    entropy: Tensor = torch.special.entr(shares).sum()
    return entropy.exp()


def _by_image(tensor: Tensor) -> Tensor:
    """(B, units) of (B, ...), units in the order in which they lie in memory where channels come last."""
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.flatten(1)
