"""Times to a threshold, censored where it was not reached."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyrelu.statistics.summaries import CONFIDENCE, RESAMPLES, Estimate, Interval, expanded_level

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Censored:
    """Times of one group of runs.

    Attributes:
        times: until the threshold was reached, or, if it was not, until the run was last looked at; shape (runs,).
        reached: whether it was; shape (runs,).

    Raises:
        ValueError: shapes differ, there is no run, or times are negative or not finite.
    """

    times: Times
    reached: NDArray[np.bool_]

    def __post_init__(self) -> None:
        times, reached = np.asarray(self.times), np.asarray(self.reached)
        if times.ndim != 1 or times.shape != reached.shape or len(times) == 0:
            raise ValueError(f"expected a time and whether it was reached per run, got {times.shape}, {reached.shape}")
        if not np.all(np.isfinite(times) & (times >= 0)):
            raise ValueError("times must be finite and not negative")

    @property
    def data(self) -> stats.CensoredData:
        """The same as SciPy takes it."""
        return stats.CensoredData(uncensored=self.times[self.reached], right=self.times[~self.reached])


def common_horizon(arms: Sequence[Censored]) -> float:
    """Up to when all groups were followed: the earliest end of one with runs that never reached the threshold."""
    ends = [float(arm.times.max()) for arm in arms if not np.all(arm.reached)]
    return min(ends) if ends else max(float(arm.times.max()) for arm in arms)


class Curve(NamedTuple):
    """A step function: the share of runs that have not reached the threshold, from each time on; shapes (times,)."""

    times: Times
    survival: Times
    low: Times
    high: Times


def kaplan_meier(censored: Censored, confidence: float = CONFIDENCE) -> Curve:
    """Kaplan and Meier's estimate (1958), with the log-log transformed Greenwood interval, pointwise.

    It starts at time 0 with survival 1 and has a step where any run reached the threshold or was censored. The interval
    is nan where Greenwood's variance is not defined: before the first step, and where all or none have reached it.

    Args:
        censored: one group of runs.
        confidence: level of the interval at each time.
    """
    function = stats.ecdf(censored.data).sf
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = function.confidence_interval(confidence, method="log-log")
    start = [0.0] if function.quantiles[0] > 0 else []
    ones, unknown = np.ones(len(start)), np.full(len(start), np.nan)
    return Curve(
        np.concatenate([start, function.quantiles]),
        np.concatenate([ones, function.probabilities]),
        np.concatenate([unknown, _probabilities(interval.low)]),
        np.concatenate([unknown, _probabilities(interval.high)]),
    )


def _probabilities(function: Any) -> Times:
    # which SciPy's stubs take for a number
    return np.asarray(function.probabilities, dtype=np.float64)


def logrank_p(first: Censored, second: Censored) -> float:
    """Two-sided p of equal times: the log-rank test (Mantel 1966).

    Args:
        first: one group of runs.
        second: the other.

    Returns:
        nan if nothing can tell the groups apart: no run reached the threshold, or all did at the same time.
    """
    when = np.concatenate([arm.times[arm.reached] for arm in (first, second)])
    times = np.concatenate([first.times, second.times])
    # a time at which all that are left reach it says nothing
    if not any(np.any(times > time) or np.sum(when == time) < np.sum(times >= time) for time in np.unique(when)):
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(stats.logrank(first.data, second.data).pvalue)


def restricted_mean(times: Times, reached: NDArray[np.bool_], horizon: float) -> Times:
    """Mean time up to a horizon: the area below Kaplan and Meier's curve (Royston and Parmar 2013).

    Beyond the last time the curve goes on as it ends.

    Args:
        times: shape (..., runs).
        reached: shape (..., runs).
        horizon: in the unit of the times.

    Returns:
        shape (...).
    """
    n = times.shape[-1]
    # of equal times, those reached come first: a run that is censored then was still at risk
    order = np.lexsort((~reached, times), axis=-1)
    when = np.minimum(np.take_along_axis(times, order, axis=-1), horizon)
    at_risk = np.arange(n, 0, -1)
    stays = np.where(np.take_along_axis(reached, order, axis=-1), 1 - 1 / at_risk, 1.0)
    after = np.cumprod(stays, axis=-1)
    before = np.concatenate([np.ones((*after.shape[:-1], 1)), after], axis=-1)
    widths = np.diff(when, axis=-1, prepend=0.0, append=horizon)
    return np.asarray(np.sum(before * widths, axis=-1), dtype=np.float64)


def restricted_mean_difference(
    first: Censored, second: Censored, horizon: float, seed: int, confidence: float = CONFIDENCE
) -> Estimate:
    """Restricted mean time of the first group minus that of the second, with a bootstrap interval.

    Args:
        first: one group of runs.
        second: the other.
        horizon: up to which both were followed.
        seed: of the resampling.
        confidence: level of the interval, which is nan if either group has a single run.

    Raises:
        ValueError: the horizon is beyond the last time of a group with censored runs.
    """
    return _compared(first, second, horizon, seed, confidence, np.subtract)


def restricted_mean_ratio(
    first: Censored, second: Censored, horizon: float, seed: int, confidence: float = CONFIDENCE
) -> Estimate:
    """Restricted mean time of the first group over that of the second, with a bootstrap interval.

    Args:
        first: one group of runs.
        second: the other, with a mean above 0.
        horizon: up to which both were followed.
        seed: of the resampling.
        confidence: level of the interval, which is nan if either group has a single run.

    Raises:
        ValueError: the horizon is beyond the last time of a group with censored runs.
    """

    def log_ratio(a: Times, b: Times) -> Times:
        return np.asarray(np.log(a) - np.log(b), dtype=np.float64)

    return Estimate(*np.exp(_compared(first, second, horizon, seed, confidence, log_ratio)).tolist())


def _compared(
    first: Censored,
    second: Censored,
    horizon: float,
    seed: int,
    confidence: float,
    compared: Callable[[Times, Times], Times],
) -> Estimate:
    """Both restricted means compared; percentile bootstrap within each group at `expanded_level`."""
    arms = (first, second)
    for arm in arms:
        if horizon > arm.times.max() and not np.all(arm.reached):
            raise ValueError(f"runs were followed until {arm.times.max():g} and not until {horizon:g}")

    def statistic(*chosen: NDArray[np.int64], axis: int = -1) -> Times:
        means = [restricted_mean(arm.times[i], arm.reached[i], horizon) for arm, i in zip(arms, chosen, strict=True)]
        return compared(means[0], means[1])

    runs = tuple(np.arange(len(arm.times)) for arm in arms)
    value, least = float(statistic(*runs)), min(len(arm.times) for arm in arms)
    if least < 2:
        return Estimate(value, float("nan"), float("nan"))
    # a time belongs with whether it was reached: what is resampled is the number of the run
    found = stats.bootstrap(
        runs,
        statistic,
        n_resamples=RESAMPLES,
        vectorized=True,
        axis=-1,
        confidence_level=expanded_level(least, confidence),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    interval = Interval(float(found.low), float(found.high))
    return Estimate(value, min(interval.low, value), max(interval.high, value))
