"""How often the rule "better" finds a difference where there is none, and how often intervals hold the truth."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from whyrelu.claims.ledger import SUPPORTS, outcome
from whyrelu.statistics.intervals import mean_interval
from whyrelu.statistics.tests import paired_p, superiority

# Differences of test accuracy within pairs, centred on the truth: 3 points of spread each.
DIFFERENCES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, size: 0.03 * rng.standard_normal(size),
    "heavy-tailed": lambda rng, size: 0.03 * rng.standard_t(3, size) / math.sqrt(3),
    # each arm learns or does not, one run in two
    "two-humped": lambda rng, size: (
        0.03 * (rng.integers(0, 2, size) - rng.integers(0, 2, size) + 0.1 * rng.standard_normal(size))
    ),
}


def better(differences: np.ndarray) -> str:
    """The outcome of the rule on one set of pairs, without a look at equality."""
    zeros = np.zeros(len(differences))
    row = {
        "estimate": differences.mean(),
        "p_adjusted": paired_p(differences, zeros),
        "superiority": superiority(differences, zeros),
    }
    return outcome({"better": 0.005}, row | dict.fromkeys(("low", "high", "low_90", "high_90"), math.nan))


def rates(scores: str, n: int, studies: int) -> tuple[float, float]:
    """Shares of studies with a false "better", either way round, and of 95% intervals that hold the truth, 0."""
    drawn = DIFFERENCES[scores](np.random.default_rng(0), (studies, n))
    false = [better(own if own.mean() > 0 else -own) == SUPPORTS for own in drawn]
    covered = [low <= 0 <= high for _, low, high in map(mean_interval, drawn)]
    return float(np.mean(false)), float(np.mean(covered))


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("n", [6, 8])
@pytest.mark.parametrize("scores", DIFFERENCES)
def test_error_rates(scores: str, n: int) -> None:
    studies = 3000
    false, covered = rates(scores, n, studies)
    print(f"{scores}, n = {n}: better {false:.1%}, coverage {covered:.1%}")
    # two Monte Carlo errors
    assert false <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)
    assert 0.92 <= covered <= 0.98


def test_a_difference_of_every_pair_is_better() -> None:
    assert better(np.linspace(0.02, 0.04, 6)) == better(np.linspace(0.02, 0.04, 8)) == SUPPORTS
