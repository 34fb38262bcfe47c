"""Measurements in blocks: what is compared is timed once per block, one after the other and in random order.

A machine gets slower and faster while it measures. What is timed within a block meets the same conditions, so ratios
within blocks are steadier than times; and no alternative always comes after the same one, as the order is random.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

# Gives the seconds of one call of something.
Stopwatch = Callable[[], float]


def in_blocks(
    groups: Sequence[Mapping[str, Stopwatch]],
    seconds: float,
    least: int,
    rng: np.random.Generator,
    clock: Callable[[], float] = time.monotonic,
) -> list[dict[str, list[float]]]:
    """Time groups of alternatives, block by block.

    A block takes the alternatives of a group directly after one another, in random order. First every group gets
    `least` blocks, in rounds of random order, which tells what a block of each takes; then the remaining time is shared
    out by `blocks_within`, and the further blocks of all groups follow in random order. So groups may have different
    numbers of blocks; within a group, positions in the results are blocks: equal ones belong together.

    Args:
        groups: what is compared with each other, by name.
        seconds: to spend; no further block is begun that would be likely to take longer.
        least: blocks of each group that are done whatever they take, at least 1.
        rng: draws the orders.
        clock: in seconds.

    Returns:
        for each group the seconds of every alternative, one number per block.
    """
    times: list[dict[str, list[float]]] = [{name: [] for name in group} for group in groups]
    if not any(groups):
        return times
    begin = clock()
    taken: list[list[float]] = [[] for _ in groups]

    def block(i: int) -> None:
        start, names = clock(), list(groups[i])
        for k in rng.permutation(len(names)):
            times[i][names[k]].append(groups[i][names[k]]())
        taken[i].append(clock() - start)

    for _ in range(least):
        for i in rng.permutation(len(groups)):
            block(i)
    wanted = blocks_within([statistics.fmean(own) for own in taken], seconds, least)
    for i in rng.permutation(np.repeat(range(len(groups)), [count - least for count in wanted])):
        if clock() - begin + max(taken[i]) <= seconds:
            block(i)
    return times


def blocks_within(costs: Sequence[float], seconds: float, least: int) -> list[int]:
    """How many blocks each group gets, so that the sum of the variances of their means is as small as can be.

    For equal variances of a block, numbers are then inversely proportional to the square root of what one costs
    (optimum allocation, Cochran 1977, section 5.5): a place that is a hundred times as dear gets a tenth of the blocks.

    Args:
        costs: seconds of a block of each group.
        seconds: for all together.
        least: blocks of each, whatever they take.
    """
    roots = [math.sqrt(max(cost, 1e-9)) for cost in costs]
    cheap = list(range(len(costs)))
    while True:
        # the rest of the time is for those that get more than the fewest
        left = seconds - sum(least * costs[i] for i in set(range(len(costs))) - set(cheap))
        scale = max(0.0, left) / sum(roots[i] for i in cheap) if cheap else 0.0
        kept = [i for i in cheap if scale / roots[i] >= least]
        if len(kept) == len(cheap):
            return [int(scale / roots[i]) if i in cheap else least for i in range(len(costs))]
        cheap = kept


class Budget:
    """Seconds that several parts of a measurement share.

    Args:
        seconds: for all parts together.
        weights: of the parts, by name, in the order in which they are done.
        clock: in seconds.
    """

    def __init__(
        self, seconds: float, weights: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._weights = dict(weights)

    def begin(self, part: str) -> Callable[[], float]:
        """Begin a part; what earlier ones left, or took beyond their share, is spread over those to come.

        Returns:
            a function that tells how many seconds the part has left, at least 0.
        """
        own = self._weights[part] / sum(self._weights.values())
        del self._weights[part]
        now = self._clock()
        end = now + own * max(0.0, self._end - now)
        return lambda: max(0.0, end - self._clock())
