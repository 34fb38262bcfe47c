import math

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.proportions import (
    barnard_p,
    difference_of_proportions,
    half_position,
    seeds_to_tell,
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


def test_seeds_to_tell_a_proportion_from_a_bound():
    # four of four is the first whose interval [51%, 100%] is above one half
    assert seeds_to_tell(1.0, 0.5, 1000) == 4
    assert seeds_to_tell(0.0, 0.5, 1000) == 4
    assert seeds_to_tell(0.5, 0.5, 1000) is None
    assert seeds_to_tell(0.49, 0.5, 1000) is None


@pytest.mark.parametrize(("fraction", "bound"), [(0.4, 0.5), (0.7, 0.5), (0.3, 0.15)])
def test_seeds_to_tell_have_the_power(fraction, bound):
    needed = seeds_to_tell(fraction, bound, 1000)
    intervals = [wilson_interval(k, needed) for k in range(needed + 1)]
    told = [(low > bound) if fraction > bound else (high < bound) for low, high in intervals]
    assert 0.8 <= stats.binom.pmf(np.arange(needed + 1), needed, fraction)[told].sum() < 0.85


def half_of(*failures, depths=(2, 4, 8, 16)):
    return half_position(failures, [10] * len(failures), depths[: len(failures)])


def test_half_position():
    assert half_of(0, 0, 10).position == pytest.approx(math.sqrt(32))
    assert half_of(0, 0, 10)[1:] == (4, 8)
    assert half_of(7, 9) == (2, None, 2)
    assert half_of(0, 4) == (math.inf, 4, None)
    # shares that fall by chance are pooled with their neighbours
    assert half_of(0, 8, 4, 10).position == pytest.approx(2 * 2 ** (5 / 6))


@pytest.mark.parametrize("depth", [3, 9, 10, 11, 24])
def test_exactly_one_half_is_at_its_position(depth):
    # exp(ln d) is above d for these
    assert half_of(0, 5, depths=(2, depth)) == (depth, 2, depth)


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
