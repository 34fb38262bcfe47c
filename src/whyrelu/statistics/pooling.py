"""Two groups of runs compared over several depths together, each depth a stratum with the same weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyrelu.statistics.contrasts import (
    bounded,
    percentiles,
    ranks,
    shared_permutation_p,
    superiority_of_ranks,
    welch_p,
    within_reach,
)
from whyrelu.statistics.differences import Pair, difference_and_variance, summed, variance_of_mean
from whyrelu.statistics.samples import Sample, as_sample, without_rounding
from whyrelu.statistics.shared_resampling import bootstrap_superiorities, is_large
from whyrelu.statistics.summaries import CONFIDENCE, RESAMPLES, Estimate
from whyrelu.statistics.welch import Combination, combine


def pooled_difference(pairs: Sequence[Pair], confidence: float = CONFIDENCE) -> Estimate:
    """Mean over strata of the differences of means, with a t interval for unequal variances.

    The degrees of freedom are those of Satterthwaite 1946; the interval is the difference twice if nothing varies.

    Args:
        pairs: one per stratum; arms of two runs or more, otherwise the interval is nan.
        confidence: level of the interval.
    """
    return pooled(pairs).estimate(confidence)


def pooled(pairs: Sequence[Pair]) -> Combination:
    """The mean over strata of the differences of means, for its tests."""
    arms = [arm for pair in pairs for arm in pair]
    return combine(arms, np.tile([1.0, -1.0], len(pairs)) / len(pairs))


def pooled_superiority(pairs: Sequence[Pair], seed: int, resamples: int = RESAMPLES) -> Estimate:
    """Mean over strata of P(first > second), ties half, with its 95% interval: a bootstrap within each arm.

    The interval is never closer to 0 and 1 than `within_reach` allows; strata of n runs that do not overlap hold
    n independent pairs each, and the mean of several P is at least their geometric mean.

    Args:
        pairs: one per stratum; arms of two runs or more, otherwise the interval is nan.
        seed: of the resampling.
        resamples: bootstrap samples.
    """
    scaled = [without_rounding(as_sample(a), as_sample(b)) for a, b in pairs]
    arms = [arm for a, b in scaled for arm in ranks(a, b)]
    least = min(len(arm) for arm in arms)

    def statistic(*groups: NDArray[np.intp], axis: int = -1) -> NDArray[np.float64]:
        strata = [superiority_of_ranks(a, b) for a, b in zip(groups[::2], groups[1::2], strict=True)]
        return np.asarray(np.mean(strata, axis=0), dtype=np.float64)

    value = float(statistic(*arms))
    if least < 2:
        return Estimate(value, float("nan"), float("nan"))
    if all(is_large(a, b) for a, b in scaled):
        ends = percentiles(bootstrap_superiorities([(a, b) for a, b in scaled], resamples))
        return within_reach(Estimate(value, *ends), least * len(pairs))
    interval = stats.bootstrap(
        tuple(arms),
        statistic,
        n_resamples=resamples,
        vectorized=True,
        axis=-1,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return within_reach(Estimate(value, float(interval.low), float(interval.high)), least * len(pairs))


def pooled_permutation_p(pairs: Sequence[Pair], seed: int, resamples: int = RESAMPLES) -> float:
    """Two-sided p of no difference in any stratum: runs change arms within their stratum only.

    The statistic is the mean difference over the root of its variance, with unequal variances; p is never below that
    of a t test with the same, for the reason given at `whyrelu.statistics.contrasts.permutation_ps`. Arrangements are
    drawn, never enumerated.

    Args:
        pairs: one per stratum; nan if an arm has a single run.
        seed: of the permutations.
        resamples: permutations.
    """
    if min(len(arm) for pair in pairs for arm in pair) < 2:
        return float("nan")
    scale = max(float(np.ptp(np.concatenate(pair))) for pair in pairs)
    # the strata keep their relative scales, of which each of them knows nothing
    spreads = [float(np.ptp(np.concatenate(pair))) / (scale or 1.0) for pair in pairs]
    scaled = [
        (a * spread, b * spread)
        for spread, (a, b) in zip(
            spreads, (without_rounding(as_sample(a), as_sample(b)) for a, b in pairs), strict=True
        )
    ]
    shares = all(is_large(a, b) for a, b in scaled)
    p = shared_permutation_p(scaled, resamples) if shares else _own_permutation_p(scaled, seed, resamples)
    parts = np.array([variance_of_mean(arm) for pair in scaled for arm in pair])
    freedoms = np.array([len(arm) - 1 for pair in scaled for arm in pair])
    difference = np.sum([np.mean(a) - np.mean(b) for a, b in scaled])
    return max(p, float(welch_p(difference, parts.sum(), parts, freedoms)))


def _own_permutation_p(scaled: Sequence[Pair], seed: int, resamples: int) -> float:
    """The same by arrangements of its own, without the t test; the strata are on one scale."""
    sizes = [(len(a), len(a) + len(b)) for a, b in scaled]
    borders = np.cumsum([total for _, total in sizes])[:-1]
    rng = np.random.default_rng(seed)

    def statistic(runs: Sample, axis: int = -1) -> NDArray[np.float64]:
        parts = [
            difference_and_variance(stratum[..., :first], stratum[..., first:])
            for stratum, (first, _) in zip(np.split(runs, borders, axis=-1), sizes, strict=True)
        ]
        return bounded(*summed(parts))

    def permuted(size: tuple[int, ...]) -> Sample:
        strata = [np.concatenate(pair) for pair in scaled]
        parts = [rng.permuted(np.broadcast_to(runs, (*size[:-1], len(runs))), axis=-1) for runs in strata]
        return np.concatenate(parts, axis=-1)

    found = stats.monte_carlo_test(
        np.concatenate([arm for pair in scaled for arm in pair]),
        permuted,
        statistic,
        vectorized=True,
        n_resamples=resamples,
        axis=-1,
    )
    return float(found.pvalue)
