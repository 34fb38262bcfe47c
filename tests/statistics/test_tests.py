"""Paired tests and corrections against SciPy, textbooks and counting."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.tests import holm, paired_p, superiority


def flipped(differences: np.ndarray) -> float:
    """P of all flips of signs, counted."""
    means = [abs(np.mean(differences * signs)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    return float(np.mean(np.array(means) >= abs(np.mean(differences)) - 1e-12))


def test_p_is_students_below_eight_pairs_and_of_flipped_signs_from_eight_on() -> None:
    # heights of Zea mays, crossed and self-fertilised (Darwin 1876; Fisher 1935, section 21: p = 0.0526 by flips)
    darwin = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]) / 8
    assert paired_p(darwin, np.zeros(15)) == pytest.approx(0.0526, abs=0.006)
    for n in (2, 5, 7):
        assert paired_p(darwin[:n], np.zeros(n)) == pytest.approx(stats.ttest_rel(darwin[:n], np.zeros(n)).pvalue)
    for n in (8, 10):
        assert paired_p(darwin[:n], np.zeros(n)) == pytest.approx(flipped(darwin[:n]))


@pytest.mark.parametrize(
    ("differences", "expected"),
    [([0, 0, 0], 1.0), ([0.1], math.nan), ([0.3] * 5, 2 / 2**5), ([0.3] * 8, 2 / 2**8), ([1, -1], 1.0)],
)
def test_p_without_spread(differences: list[float], expected: float) -> None:
    assert paired_p(differences, np.zeros(len(differences))) == pytest.approx(expected, nan_ok=True)


def test_superiority_counts_ties_half() -> None:
    assert superiority([1, 2, 3, 4], [0, 2, 2, 5]) == 0.625
    assert [superiority(a, [0, 0, 0]) for a in ([1, 2, 3], [-1, -1, -1], [0, 0, 0])] == [1, 0, 0.5]


def test_holm_is_that_of_the_textbook_and_leaves_out_what_is_no_test() -> None:
    # Wright 1992, Biometrics 48: p .005 .011 .02 .04 .13 are adjusted to .025 .044 .06 .08 .13
    assert holm([0.02, 0.13, 0.005, 0.04, 0.011]) == pytest.approx([0.06, 0.13, 0.025, 0.08, 0.044])
    assert holm([0.03, math.nan, 0.04]) == pytest.approx([0.06, math.nan, 0.06], nan_ok=True)
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []
