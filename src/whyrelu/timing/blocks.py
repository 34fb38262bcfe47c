"""Measurements in blocks: what is compared is timed once per block, one after the other and in random order.

A machine gets slower and faster while it measures. What is timed within a block meets the same conditions, so ratios
within blocks are steadier than times; and no alternative always comes after the same one, as the order is random.
"""

from __future__ import annotations

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

    A block takes the groups in random order, and the alternatives of a group directly after one another, in random
    order. Positions in the results are blocks: equal ones belong together.

    Args:
        groups: what is compared with each other, by name.
        seconds: to spend; no block is begun that would be likely to take longer.
        least: blocks that are done whatever they take.
        rng: draws the orders.
        clock: in seconds.

    Returns:
        for each group the seconds of every alternative, one number per block.
    """
    times: list[dict[str, list[float]]] = [{name: [] for name in group} for group in groups]
    if not any(groups):
        return times
    begin, longest, count = clock(), 0.0, 0
    while count < least or clock() - begin + longest <= seconds:
        start = clock()
        for i in rng.permutation(len(groups)):
            names = list(groups[i])
            for k in rng.permutation(len(names)):
                times[i][names[k]].append(groups[i][names[k]]())
        longest = max(longest, clock() - start)
        count += 1
    return times


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
