"""Two groups of runs compared: difference, effect sizes and test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from whyrelu.statistics.differences import Pair, difference_and_variance, variance_of_mean
from whyrelu.statistics.samples import Sample, all_equal, as_sample, mean, standard_deviation, without_rounding
from whyrelu.statistics.shared_resampling import (
    arrangement_sums,
    bootstrap_superiorities,
    is_large,
    observed_sums,
)
from whyrelu.statistics.summaries import CONFIDENCE, RESAMPLES, Estimate
from whyrelu.statistics.welch import combine, satterthwaite

# Numbers that resampling holds in memory at once.
_CHUNK = 4_000_000
# The permuted statistic is in [-1, 1]; what differs by less is a tie that rounding broke.
_DECIMALS = 12
_NAN = float("nan")


@dataclass(frozen=True)
class Contrast:
    """Two groups of runs compared, the first with the second.

    Attributes:
        n_first: runs of the first.
        n_second: runs of the second.
        difference: of means, first minus second, with Welch's interval.
        g: Hedges' g.
        superiority: P(first > second) + P(first = second) / 2 with its interval.
        p: two-sided, of a permutation test, or of Welch's t test if that is larger.
    """

    n_first: int
    n_second: int
    difference: Estimate
    g: float
    superiority: Estimate
    p: float


def contrast(first: ArrayLike, second: ArrayLike, seed: int) -> Contrast:
    """Compare two groups of runs; interval and p are nan if either has a single run.

    Args:
        first: shape (runs,).
        second: shape (runs of the other group,).
        seed: of the resampling.
    """
    return contrasts(as_sample(first)[None], as_sample(second)[None], seed)[0]


def contrasts(first: Sample, second: Sample, seed: int, resamples: int = RESAMPLES) -> list[Contrast]:
    """Compare many pairs of groups at once, all resampled alike: as `contrast` does if there is one.

    Args:
        first: shape (pairs, runs).
        second: shape (pairs, runs of the other group).
        seed: of the resampling.
        resamples: permutations, and bootstrap samples.
    """
    estimates = superiorities(first, second, seed, resamples)
    ps = permutation_ps(first, second, seed, resamples)
    return [
        Contrast(len(a), len(b), mean_difference(a, b), hedges_g(a, b), superiority, float(p))
        for a, b, superiority, p in zip(first, second, estimates, ps, strict=True)
    ]


def mirrored(found: Contrast) -> Contrast:
    """The same contrast, the second arm minus the first."""
    difference, superiority = found.difference, found.superiority
    return replace(
        found,
        n_first=found.n_second,
        n_second=found.n_first,
        difference=Estimate(-difference.value, -difference.high, -difference.low),
        g=-found.g,
        superiority=Estimate(1 - superiority.value, 1 - superiority.high, 1 - superiority.low),
    )


def mean_difference(first: ArrayLike, second: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """Difference of two means, first minus second, with the t interval of Welch 1947 (unequal variances).

    The interval is nan if either group has a single run, and the difference twice if neither group varies.

    Args:
        first: shape (runs,).
        second: shape (runs of the other group,).
        confidence: level of the interval.
    """
    return combine((first, second), (1, -1)).estimate(confidence)


def hedges_g(first: ArrayLike, second: ArrayLike) -> float:
    """Difference of means in units of the standard deviation, free of small-sample bias (Hedges 1981).

    The standard deviation is the root of the mean of both variances, not the pooled one, which assumes equal
    variances: g*_s of Delacre et al. 2021.

    Args:
        first: shape (runs,).
        second: shape (runs of the other group,).

    Returns:
        nan if either group has a single run, or one degree of freedom is left, for which there is no correction;
        infinite with its sign, or 0, if neither varies.
    """
    a, b = as_sample(first), as_sample(second)
    if min(len(a), len(b)) < 2:
        return _NAN
    variances = np.array([standard_deviation(group) ** 2 for group in (a, b)])
    if variances.sum() == 0:
        return 0.0 if all_equal(np.concatenate([a, b])) else math.copysign(math.inf, mean(a) - mean(b))
    freedom = float(satterthwaite(variances, [len(a) - 1, len(b) - 1]))
    if freedom <= 1:
        return _NAN
    correction = math.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return (mean(a) - mean(b)) / math.sqrt(variances.mean()) * correction


def permutation_ps(first: Sample, second: Sample, seed: int, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Two-sided p of permutation tests with a studentised statistic, never below that of Welch's t test.

    Permuting is exact where both groups have the same distribution, whatever it is. Where means are the same and
    spreads are not, a studentised statistic keeps the level in large groups (Janssen 1997), but with ten
    runs each and spreads of 1 to 10 it gave p < 0.05 in 7% to 8% of simulations. Welch's test (1947) is made for normal
    scores with such spreads, so the larger one of both is
    taken; neither helps where one arm is strongly skewed.

    All arrangements are counted if there are no more than `resamples`, but for large groups: these share what is drawn
    with all others of their sizes, see `whyrelu.statistics.shared_resampling`.

    Args:
        first: shape (pairs, runs).
        second: shape (pairs, runs of the other group); all pairs are permuted alike.
        seed: of the permutations, if they are not shared.
        resamples: permutations.

    Returns:
        shape (pairs,), nan if either group has a single run; 1 where all values are equal.
    """
    if min(first.shape[-1], second.shape[-1]) < 2:
        return np.full(len(first), _NAN)
    a, b = without_rounding(first, second)
    if is_large(a, b):
        ps = np.array([shared_permutation_p([pair], resamples) for pair in zip(a, b, strict=True)])
    else:
        permuted = stats.permutation_test(
            (a, b),
            studentised,
            permutation_type="independent",
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, _CHUNK // (len(a) * (a.shape[-1] + b.shape[-1]))),
            axis=-1,
            rng=np.random.default_rng(seed),
        )
        ps = np.asarray(permuted.pvalue)
    difference, variance = difference_and_variance(a, b)
    parts = [variance_of_mean(group) for group in (a, b)]
    freedoms = np.array([group.shape[-1] - 1 for group in (a, b)])
    welch = welch_p(difference, variance, np.stack(parts, axis=-1), freedoms)
    return np.asarray(np.maximum(ps, welch), dtype=np.float64)


def shared_permutation_p(pairs: Sequence[Pair], resamples: int) -> float:
    """Two-sided p of no difference in any stratum, by the arrangements that groups of these sizes share.

    The statistic is the sum of differences of means over the root of the sum of their variances; p is twice that of the
    side with fewer arrangements as extreme as what was seen, which counts as one of them (Phipson and Smyth 2010).

    Args:
        pairs: the two groups of each stratum, on one scale; at least two runs each.
        resamples: arrangements.
    """
    seen = bounded(*observed_sums(pairs))
    drawn = np.concatenate([bounded(*sums) for sums in arrangement_sums(pairs, resamples)])
    # two ties may have been rounded apart by one step
    tolerance = 1.5 * 10.0**-_DECIMALS
    extreme = min(np.count_nonzero(drawn >= seen - tolerance), np.count_nonzero(drawn <= seen + tolerance))
    return min(2 * (extreme + 1) / (resamples + 1), 1.0)


def welch_p(
    difference: NDArray[np.float64],
    variance: NDArray[np.float64],
    parts: NDArray[np.float64],
    freedoms: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Two-sided p of a difference whose variance is a sum of parts (Welch 1947, Satterthwaite 1946).

    Args:
        difference: shape (...).
        variance: shape (...), the sum of the parts.
        parts: shape (..., parts).
        freedoms: degrees of freedom of each part, shape (parts,).

    Returns:
        shape (...); where the variance is zero, 0 for a difference and 1 for none.
    """
    varies = variance > 0
    freedom = np.where(varies, satterthwaite(parts, freedoms), 1.0)
    p = 2 * stats.t.sf(np.abs(difference) / np.sqrt(np.where(varies, variance, 1.0)), freedom)
    return np.asarray(np.where(varies, p, np.where(difference == 0, 1.0, 0.0)), dtype=np.float64)


def studentised(first: Sample, second: Sample, axis: int = -1) -> NDArray[np.float64]:
    """Welch's t as t / sqrt(1 + t^2): the same order, but finite where neither group varies; 0 where all are equal.

    Args:
        first: shape (..., runs).
        second: shape (..., runs of the other group).
        axis: of the runs.
    """
    return bounded(*difference_and_variance(first, second, axis))


def bounded(difference: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A difference over the root of its square plus its variance, in [-1, 1]; 0 where both are 0."""
    length = np.sqrt(difference**2 + variance)
    ratio = np.divide(difference, length, out=np.zeros_like(length), where=length > 0)
    return np.asarray(np.round(ratio, _DECIMALS), dtype=np.float64)


def superiorities(first: Sample, second: Sample, seed: int, resamples: int = RESAMPLES) -> list[Estimate]:
    """P(first > second) + P(first = second) / 2 with its 95% interval: a bootstrap within each group.

    The percentile interval collapses to [1, 1] where every run of the first group exceeds every run of the second, and
    is too short close to it; `within_reach` widens it. Large groups share what is drawn with all others of their sizes.

    Args:
        first: shape (pairs, runs).
        second: shape (pairs, runs of the other group).
        seed: of the resampling, if it is not shared.
        resamples: bootstrap samples.
    """
    a, b = without_rounding(first, second)
    values = superiority(a, b)
    runs = min(a.shape[-1], b.shape[-1])
    if runs < 2:
        return [Estimate(float(value), _NAN, _NAN) for value in values]
    found: list[Estimate] = []
    if is_large(a, b):
        for value, x, y in zip(values, a, b, strict=True):
            ends = percentiles(bootstrap_superiorities([(x, y)], resamples))
            found.append(within_reach(Estimate(float(value), *ends), runs))
        return found
    first_ranks, second_ranks = ranks(a, b)
    size = max(1, _CHUNK // (resamples * (a.shape[-1] + b.shape[-1])))
    for start in range(0, len(a), size):
        # of its own, so that groups of pairs are resampled alike
        interval = stats.bootstrap(
            (first_ranks[start : start + size], second_ranks[start : start + size]),
            superiority_of_ranks,
            n_resamples=resamples,
            vectorized=True,
            axis=-1,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        ends = np.column_stack([values[start : start + size], interval.low, interval.high]).tolist()
        found += [within_reach(Estimate(*row), runs) for row in ends]
    return found


def percentiles(resampled: NDArray[np.float64], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The percentile interval of a bootstrap; resampled has shape (resamples,)."""
    low, high = np.quantile(resampled, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def superiority(first: Sample, second: Sample, axis: int = -1) -> NDArray[np.float64]:
    """Share of pairs of runs in which the first is larger, ties counted half; shape (...).

    Args:
        first: shape (..., runs).
        second: shape (..., runs of the other group).
        axis: of the runs, the last.
    """
    larger = np.sign(first[..., :, None] - second[..., None, :])
    return np.asarray(0.5 + larger.mean(axis=(-2, -1)) / 2, dtype=np.float64)


def ranks(first: Sample, second: Sample) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The values of both groups replaced by their place among all, from 0, ties having the same; shapes stay."""
    both = stats.rankdata(np.concatenate([first, second], axis=-1), method="dense", axis=-1).astype(np.intp) - 1
    return both[..., : first.shape[-1]], both[..., first.shape[-1] :]


def superiority_of_ranks(first: NDArray[np.intp], second: NDArray[np.intp], axis: int = -1) -> NDArray[np.float64]:
    """What `superiority` gives, from counts of ranks: its cost grows with the runs, not with the pairs of runs.

    Args:
        first: shape (..., runs), whole numbers from 0.
        second: shape (..., runs of the other group).
        axis: of the runs, the last.
    """
    levels = int(max(first.max(), second.max())) + 1
    counts, others = _counts(first, levels), _counts(second, levels)
    up_to = np.cumsum(others, axis=-1)
    # pairs in which the first is larger, less those in which the second is
    larger = np.sum(counts * (up_to - others - (second.shape[-1] - up_to)), axis=-1)
    return np.asarray(0.5 + larger / (first.shape[-1] * second.shape[-1]) / 2, dtype=np.float64)


def _counts(values: NDArray[np.intp], levels: int) -> NDArray[np.intp]:
    """How often each of 0 .. levels - 1 is among values along the last axis; shape (..., levels)."""
    rows = values.reshape(-1, values.shape[-1])
    places = rows + levels * np.arange(len(rows))[:, None]
    return np.bincount(places.ravel(), minlength=len(rows) * levels).reshape(*values.shape[:-1], levels)


def within_reach(estimate: Estimate, runs: int, confidence: float = CONFIDENCE) -> Estimate:
    """An interval of P(first > second) that is never closer to 0 and 1 than n runs can show.

    If all of n independent pairs have a larger first run, then P is at least (1 - confidence)^(1 / n), as in the rule
    of three for proportions. Groups of n runs that do not overlap hold n such pairs, so this is the lower end there,
    and a bound of it for all that shows less. In the same way, all pairs being ties leaves half of what is
    not known to be a tie on either side.

    Args:
        estimate: of P(first > second), with a bootstrap interval.
        runs: of the smaller group.
        confidence: level.
    """
    least = (1 - confidence) ** (1 / runs)
    value, low, high = estimate
    if low == high and 0 < value < 1:
        low, high = value - (1 - least) / 2, value + (1 - least) / 2
    return Estimate(value, min(low, least), max(high, 1 - least))
