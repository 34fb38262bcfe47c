"""A run's diagnostics in a few numbers, of profiles made by hand."""

import math

import numpy as np
import pytest

from whyrelu.diagnostics.summary import ALL_LOST, gradient_decades, log_slope


@pytest.mark.parametrize(
    ("profile", "decades", "slope"),
    [
        ([1e-6, 1e-3, 1.0], -6.0, 3 * math.log(10)),
        ([100.0, 1.0], 2.0, -2 * math.log(10)),
        ([0.5], 0.0, math.nan),
        ([0.0, 1e-30, 1.0], ALL_LOST, math.nan),
        ([0.0, 0.0], ALL_LOST, math.nan),
        ([1.0, 0.0], math.nan, math.nan),
        ([math.nan, 1.0], math.nan, math.nan),
        ([1.0, math.inf], math.nan, math.nan),
    ],
)
def test_decades_and_slope(profile: list[float], decades: float, slope: float) -> None:
    assert gradient_decades(np.array(profile)) == pytest.approx(decades, nan_ok=True)
    assert log_slope(np.array(profile)) == pytest.approx(slope, nan_ok=True)
