"""Shares of failed runs as claims use them: how many of n, with Wilson's interval."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from whyrelu.claims.evidence import by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, Test
from whyrelu.claims.words import percent
from whyrelu.statistics.proportions import barnard_p, difference_of_proportions, wilson_interval


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

    def side(self, bound: float) -> str:
        """On which side of a bound the interval lies: above, below or inconclusive."""
        return "above" if self.low > bound else "below" if self.high < bound else INCONCLUSIVE

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


def share_of(count: Count, bound: float, **named: object) -> Test:
    """A proportion against a bound, by its interval alone.

    Args:
        count: of the arm.
        bound: fraction of 1.
        named: attributes of the test.
    """
    return Test(
        effect=100 * count.fraction,
        unit="points",
        low=100 * count.low,
        high=100 * count.high,
        n_first=count.n,
        outcome=count.side(bound),
        **named,  # type: ignore[arg-type]
    )


def difference_of(first: Count, second: Count, alpha: float, **named: object) -> Test:
    """Two proportions compared by Barnard's exact test, with Newcombe's interval of the difference.

    Args:
        first: of the first arm.
        second: of the second.
        alpha: level of the test.
        named: attributes of the test.
    """
    counts = first.successes, first.n, second.successes, second.n
    difference = difference_of_proportions(*counts)

    def decide(p_adjusted: float, _: float) -> str:
        if not p_adjusted < alpha:
            return INCONCLUSIVE
        return "higher" if difference.value > 0 else "lower"

    return Test(
        effect=100 * difference.value,
        unit="points",
        low=100 * difference.low,
        high=100 * difference.high,
        n_first=first.n,
        n_second=second.n,
        p=barnard_p(*counts),
        decide=decide,
        **named,  # type: ignore[arg-type]
    )
