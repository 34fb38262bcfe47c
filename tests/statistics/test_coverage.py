"""Intervals cover the truth as often as they say, at the declared number of seeds."""

import numpy as np
import pytest
from scipy import stats

from whyrelu.statistics.contrasts import contrasts
from whyrelu.statistics.summaries import mean_interval

SCORES = {
    "normal": (lambda rng: rng.normal(0.9, 0.02, 10), 0.9),
    "heavy tails": (lambda rng: 0.9 + 0.02 * rng.standard_t(3, 10), 0.9),
    # skewness -1.5 and -1.3, as of accuracies close to 1
    "squeezed": (lambda rng: 1 - 0.1 * rng.beta(1, 9, 10), 0.99),
    "less squeezed": (lambda rng: 1 - rng.beta(2, 38, 10), 0.95),
}


@pytest.mark.soak
@pytest.mark.parametrize("name", SCORES)
def test_interval_of_a_mean(name):
    draw, truth = SCORES[name]
    rng = np.random.default_rng(1)
    intervals = np.array([mean_interval(draw(rng), seed=i) for i in range(1000)])
    coverage = np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))
    print(f"coverage of the mean at n = 10, {name}: {coverage:.1%}")
    # the Monte Carlo error is 0.7%, and the truth 94% to 96.5%
    assert 0.92 <= coverage <= 0.98


@pytest.mark.soak
@pytest.mark.parametrize("truth", [0.5, 0.75, 0.9, 0.97])
@pytest.mark.parametrize("spread", [1, 10])
def test_interval_of_superiority(truth, spread):
    rng = np.random.default_rng(2)
    shift = stats.norm.ppf(truth) * np.hypot(1, spread)
    found = contrasts(rng.normal(shift, 1, (500, 10)), rng.normal(0, spread, (500, 10)), seed=0, resamples=999)
    intervals = np.array([each.superiority for each in found])
    coverage = np.mean((intervals[:, 1] <= truth) & (truth <= intervals[:, 2]))
    print(f"coverage of P(A > B) = {truth}, spreads 1 and {spread}: {coverage:.1%}")
    # at least what it says, less three Monte Carlo errors
    assert coverage >= 0.95 - 3 * 0.0097
