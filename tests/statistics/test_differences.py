import numpy as np
import pytest

from whyrelu.statistics.differences import difference_and_variance, summed
from whyrelu.statistics.shared_resampling import observed_sums


def test_variance_is_that_of_groups_with_spreads_of_their_own():
    first, second = np.array([[1.0, 3.0], [5.0, 5.0]]), np.array([[0.0, 3.0, 6.0], [1.0, 1.0, 1.0]])
    difference, variance = difference_and_variance(first, second)
    assert difference == pytest.approx([-1, 4])
    assert variance == pytest.approx([2 / 2 + 9 / 3, 0])
    turned = difference_and_variance(first.T, second.T, axis=0)
    assert np.array_equal(turned, [difference, variance])


def test_shared_arrangements_have_the_same_difference_and_variance():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(at, 1, 40), rng.normal(0, 2, 30)) for at in (0.0, 3.0)]
    seen = [float(part[0]) for part in observed_sums(pairs)]
    assert seen == pytest.approx(summed([difference_and_variance(a, b) for a, b in pairs]))
    assert seen[0] == pytest.approx(sum(a.mean() - b.mean() for a, b in pairs))
