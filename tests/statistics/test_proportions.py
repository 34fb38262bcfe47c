import pytest

from whyrelu.statistics.proportions import wilson_interval


def test_wilson_interval_of_known_proportions():
    # Newcombe 1998, table I: 0 of 20 and 1 of 29
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)
