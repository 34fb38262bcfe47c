"""An activation as a function of one number: its values, its slopes, and where it is not smooth."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whyrelu.errors import UserError
from whyrelu.network.quadrature import POINTS, Array, Function, evaluate, legendre

# Coarse panels, which suffice for smooth functions; the borders of the usual kinks (0, 1, 3, 6) are among them.
_EDGES = np.array([0, 1, 2, 3, 4, 6, 8, 16, 32, 64], dtype=np.float64)
# A panel is resolved if its last Legendre coefficients are this small, relative to the largest.
_RESOLVED = 1e-11
# Narrower panels hold a kink or a jump.
_NARROWEST = 1e-12
# A function that never resolves (noise) stops here.
_MOST_PANELS = 2000


@dataclass(frozen=True)
class ScalarFunction:
    """An activation phi on numbers in float64."""

    value: Function
    slope: Function
    # Ascending; between two neighbours phi and phi' are smooth enough for Gauss-Legendre quadrature. Beyond the
    # outermost, which are -64 and 64, they are taken to be smooth.
    edges: Array


def scalar_function(activation: Function) -> ScalarFunction:
    """Return an activation (a module, which is copied, or a function) on numbers, its kinks found numerically."""
    function = on_numbers(activation)

    def value(x: Tensor) -> Tensor:
        with torch.no_grad():
            return function(x.clone())

    def derivative(x: Tensor) -> Tensor:
        return slope(function, x)

    return ScalarFunction(value, derivative, _smooth_panels(value, derivative))


def slope(activation: Function, x: Tensor) -> Tensor:
    """Return phi'(x) for x of any shape by automatic differentiation; zero where the output does not depend on x."""
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        # the copy is for activations that work in place, which a leaf forbids
        output = activation(leaf.clone())
        if not output.requires_grad:
            return torch.zeros_like(x)
        (gradient,) = torch.autograd.grad(output.sum(), leaf, materialize_grads=True)
    return gradient


def on_numbers(activation: Function) -> Function:
    """An activation on float64 tensors on the CPU, what is random in training off; a UserError if not elementwise."""
    function = copy.deepcopy(activation).cpu().eval().double() if isinstance(activation, nn.Module) else activation
    if not _is_elementwise(function):
        raise UserError(
            "this activation is not a function of single numbers, in float64 too, which theory, diagnostics, "
            "init=variance and edge need: init=he diagnostics=off trains without them"
        )
    return function


def _is_elementwise(function: Function) -> bool:
    x = torch.linspace(-1, 1, 6, dtype=torch.float64)
    try:
        with torch.no_grad():
            together, apart = function(x.clone()), function(x.reshape(2, 3).clone())
        return together.dtype == torch.float64 and torch.equal(together.reshape(2, 3).nan_to_num(), apart.nan_to_num())
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False


def _smooth_panels(value: Function, derivative: Function) -> Array:
    """Edges of panels on each of which value and derivative are resolved by a polynomial, or that are kinks."""
    edges = np.concatenate([-_EDGES[:0:-1], _EDGES])
    resolved, kinks = _split(value, derivative, edges, np.empty(0))
    if len(kinks):
        # once more with a border at each of them, which needs few panels
        resolved, _ = _split(value, derivative, np.unique(np.concatenate([edges, kinks])), kinks)
    return np.unique(np.concatenate([resolved, kinks]))


def _split(value: Function, derivative: Function, edges: Array, kinks: Array) -> tuple[Array, Array]:
    """Halve panels until each is resolved; return all their edges, and the places where that never happens."""
    left, right = edges[:-1], edges[1:]
    done = [edges]
    found = [np.empty(0)]
    count = len(left)
    while len(left) and count < _MOST_PANELS:
        middle = (left + right) / 2
        size = np.maximum(1, np.abs(middle))
        resolved = _is_resolved(value, left, right) & _is_resolved(derivative, left, right)
        # or beside a kink that is known already
        distance = np.abs(middle[:, None] - kinks).min(1, initial=np.inf)
        narrow = (right - left < _NARROWEST * size) | (distance < 1e-9 * size)
        found.append(middle[~resolved & narrow])
        again = ~resolved & ~narrow
        left, right, middle = left[again], right[again], middle[again]
        done.append(middle)
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        count += len(middle)
    places = np.sort(np.concatenate(found))
    # neighbouring panels find the same kink
    is_new = np.diff(places, prepend=-np.inf) > 1e-9 * np.maximum(1, np.abs(places))
    return np.concatenate(done), places[is_new]


def _is_resolved(function: Function, left: Array, right: Array) -> NDArray[np.bool_]:
    """Whether a function is a polynomial of moderate degree on each panel, to within round-off."""
    points, weights = legendre(POINTS)
    centre, half = (left + right)[:, None] / 2, (right - left)[:, None] / 2
    values = evaluate(function, centre + half * points)
    # what is not finite cannot be mended by halving
    finite = np.asarray(np.isfinite(values).all(1))
    values = np.where(finite[:, None], values, 0.0)
    vandermonde = np.polynomial.legendre.legvander(points, POINTS - 1)
    coefficients = (values * weights) @ vandermonde * (2 * np.arange(POINTS) + 1) / 2
    scale = np.maximum(np.abs(coefficients).max(1), 1e-3)
    tail = np.abs(coefficients[:, -3:]).max(1)
    # a kink between the outermost node and the end of the panel shows at the ends alone
    inside = np.array([-1 + 1e-9, 1 - 1e-9])
    series = coefficients @ np.polynomial.legendre.legvander(inside, POINTS - 1).T
    at_ends = evaluate(function, centre + half * inside)
    tail = np.maximum(tail, np.abs(at_ends - series).max(1) / 100)
    return np.asarray((tail <= _RESOLVED * scale) | ~finite)
