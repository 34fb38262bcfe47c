import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from whyrelu.network.quadrature import gaussian_expectation


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda z: torch.ones_like(z), 1),
        (lambda z: z, 0),
        (lambda z: z**2, 1),
        (lambda z: z**4, 3),
        (lambda z: z**8, 105),
        (lambda z: z.abs(), math.sqrt(2 / math.pi)),
        (lambda z: z.exp(), math.exp(0.5)),
        (lambda z: (2 * z).cos(), math.exp(-2)),
        (lambda z: (z > 0).double(), 1 / 2),
        (lambda z: (z.abs() < 1).double(), math.erf(1 / math.sqrt(2))),
        (lambda z: torch.relu(z) ** 2, 1 / 2),
        (lambda z: torch.where(z > 0, z, 0.2 * z) ** 2, (1 + 0.2**2) / 2),
        (lambda z: torch.erf(z) ** 2, 2 / math.pi * math.asin(2 / 3)),
        (lambda z: torch.sigmoid(z), 1 / 2),
    ],
)
def test_expectations_with_a_closed_form(function: Callable[[Tensor], Tensor], expected: float) -> None:
    assert gaussian_expectation(function) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("kink", [0.5, 1.0, 1.5, 3.0, 6.0])
def test_kinks_of_the_usual_activations_cost_no_digits(kink: float) -> None:
    # E[max(z - k, 0)] = density(k) - k P(z > k)
    expected = math.exp(-(kink**2) / 2) / math.sqrt(2 * math.pi) - kink * math.erfc(kink / math.sqrt(2)) / 2
    assert gaussian_expectation(lambda z: (z - kink).clamp_min(0)) == pytest.approx(expected, rel=1e-9, abs=1e-16)


def test_a_function_that_works_in_place_spoils_nothing_for_the_next() -> None:
    before = gaussian_expectation(lambda z: z**2)
    gaussian_expectation(lambda z: z.relu_().square())
    assert gaussian_expectation(lambda z: z**2) == before


def test_no_gradient_is_kept_of_parameters() -> None:
    slope = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    assert gaussian_expectation(lambda z: (slope * z) ** 2) == pytest.approx(0.25)
    assert slope.grad is None


def test_what_is_not_finite_stays_so() -> None:
    assert math.isnan(gaussian_expectation(lambda z: z.log()))
    assert np.isinf(gaussian_expectation(lambda z: (z**2 * 20).exp()))
