"""Shares of failed runs as claims use them: how many of n, with Wilson's interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from whyrelu.claims.evidence import by_depth
from whyrelu.claims.verdict import Test
from whyrelu.claims.words import percent
from whyrelu.statistics.proportions import barnard_p, wilson_interval


class Count(NamedTuple):
    """How many of n, and Wilson's 95% interval of the proportion."""

    successes: int
    n: int
    low: float
    high: float

    @property
    def fraction(self) -> float:
        """The proportion."""
        return self.successes / self.n

    def __str__(self) -> str:
        return f"{self.successes} of {self.n} runs [{percent(self.low)}, {percent(self.high)}]"


def counted(successes: int, n: int) -> Count:
    """A count with its interval; `n` at least one."""
    interval = wilson_interval(successes, n)
    return Count(successes, n, interval.low, interval.high)


def failures(runs: pd.DataFrame, series: str) -> dict[int, Count]:
    """How many runs of a series failed, by depth, ascending."""
    groups = by_depth(runs[runs["series"] == series])
    return {depth: counted(int(group["failed"].sum()), len(group)) for depth, group in groups.items()}


def difference_of(first: Count, second: Count, alpha: float, **named: object) -> Test:
    """Two proportions compared: Barnard's exact test; the interval of the difference is Newcombe's hybrid score one.

    Newcombe 1998, method 10: it stays sane where none or all failed, and needs no equal variances.

    Args:
        first: of the first arm.
        second: of the second.
        alpha: level of the test.
        named: attributes of the test.
    """
    difference = first.fraction - second.fraction
    below = np.hypot(first.fraction - first.low, second.high - second.fraction)
    above = np.hypot(first.high - first.fraction, second.fraction - second.low)

    def decide(p_adjusted: float) -> str:
        if not p_adjusted < alpha:
            return "inconclusive"
        return "higher" if difference > 0 else "lower"

    return Test(
        effect=100 * difference,
        unit="points",
        low=100 * float(difference - below),
        high=100 * float(difference + above),
        n_first=first.n,
        n_second=second.n,
        p=barnard_p(first.successes, first.n, second.successes, second.n),
        decide=decide,
        **named,  # type: ignore[arg-type]
    )


def seeds_to_tell(fraction: float, bound: float, power: float = 0.8, most: int = 1000) -> int | None:
    """Seeds with which Wilson's interval of a proportion lies on its side of a bound, with a power of 80%.

    Args:
        fraction: the true proportion.
        bound: not the same.
        power: probability of an interval on its side.
        most: None if it takes more.
    """
    if fraction == bound:
        return None
    z = stats.norm.ppf(0.975)
    for n in range(2, most + 1):
        counts = np.arange(n + 1)
        share = counts / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        told = centre - half > bound if fraction > bound else centre + half < bound
        if stats.binom.pmf(counts, n, fraction)[told].sum() >= power:
            return n
    return None
