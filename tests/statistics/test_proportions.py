import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.proportions import (
    barnard_p,
    difference_of_proportions,
    upper_bound_of_none,
    wilson_interval,
)


def test_wilson_interval_of_known_proportions():
    # Newcombe 1998, table I: 0 of 20 and 1 of 29
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)


def test_barnard():
    # Barnard's test of SciPy's own example, 7 of 15 and 12 of 15
    assert barnard_p(7, 15, 12, 15) == pytest.approx(0.0682, abs=5e-4)
    assert barnard_p(0, 10, 0, 5) == barnard_p(10, 10, 5, 5) == 1
    with pytest.raises(ValueError, match="no proportions"):
        barnard_p(3, 2, 0, 2)


def test_none_of_n():
    assert upper_bound_of_none(60) == pytest.approx(stats.binomtest(0, 60).proportion_ci(0.9, "exact").high)
    assert upper_bound_of_none(100) == pytest.approx(3 / 100, rel=0.02)


def test_difference_of_proportions_is_newcombes():
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.2000 with [0.0524, 0.3339]
    assert difference_of_proportions(56, 70, 48, 80) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert difference_of_proportions(10, 10, 0, 20) == pytest.approx((1, 0.6791, 1), abs=1e-4)


@pytest.mark.parametrize("n", [5, 10])
def test_intervals_of_proportions_cover(n):
    """Exact: over all counts that can come out."""
    counts = np.arange(n + 1)
    ends = np.array([wilson_interval(k, n) for k in counts])
    truths = np.linspace(0.02, 0.98, 97)
    covered = [stats.binom.pmf(counts, n, t)[(ends[:, 0] <= t) & (t <= ends[:, 1])].sum() for t in truths]
    print(f"Wilson, n = {n}: coverage {min(covered):.1%} to {max(covered):.1%}, mean {np.mean(covered):.1%}")
    # it is right on average, and below where few fail (Brown, Cai and DasGupta 2001)
    assert np.mean(covered) >= 0.95 and min(covered) >= 0.83
    differences = np.array([[difference_of_proportions(a, n, b, n) for b in counts] for a in counts])
    chances = stats.binom.pmf(counts, n, truths[::8, None])
    coverage = []
    for i, first in enumerate(truths[::8]):
        for j, second in enumerate(truths[::8]):
            hit = (differences[..., 1] <= first - second) & (first - second <= differences[..., 2])
            coverage.append(float(chances[i] @ hit @ chances[j]))
    print(f"Newcombe, n = {n}: coverage {min(coverage):.1%} to {max(coverage):.1%}, mean {np.mean(coverage):.1%}")
    assert np.mean(coverage) >= 0.95 and min(coverage) >= 0.85


@pytest.mark.parametrize("n", [5, 10])
def test_barnards_test_keeps_its_level(n):
    """Exact: the chance of p < 0.05 where both groups fail with the same probability."""
    rejected = np.array([[barnard_p(a, n, b, n) < 0.05 for b in range(n + 1)] for a in range(n + 1)])
    chances = stats.binom.pmf(np.arange(n + 1), n, np.linspace(0, 1, 101)[:, None])
    levels = np.einsum("ta,ab,tb->t", chances, rejected, chances)
    print(f"Barnard, n = {n}: at most {levels.max():.1%}")
    assert levels.max() <= 0.05
