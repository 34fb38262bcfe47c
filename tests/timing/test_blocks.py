from __future__ import annotations

import numpy as np
import pytest

from whyrelu.timing.blocks import Budget, blocks_within, in_blocks


class Clock:
    """Time that passes only when something is timed."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def stopwatch(self, log: list[str], name: str, seconds: float = 1.0):
        def read() -> float:
            log.append(name)
            self.now += seconds
            return seconds

        return read


def run(seconds: float, least: int, seed: int = 0) -> tuple[list[str], list[dict[str, list[float]]]]:
    """Two groups of three and two alternatives, a second each: five seconds per block."""
    clock, log = Clock(), []
    groups = [
        {name: clock.stopwatch(log, name) for name in ("a1", "a2", "a3")},
        {name: clock.stopwatch(log, name) for name in ("b1", "b2")},
    ]
    return log, in_blocks(groups, seconds, least, np.random.default_rng(seed), clock)


def of_groups(log: list[str]) -> list[tuple[str, ...]]:
    """The log in blocks of a group: three of the one, two of the other."""
    blocks = []
    while log:
        size = 3 if log[0].startswith("a") else 2
        blocks.append(tuple(log[:size]))
        log = log[size:]
    return blocks


def test_each_alternative_is_timed_once_per_block_beside_the_others_of_its_group() -> None:
    log, times = run(seconds=50, least=2)
    blocks = of_groups(log)
    assert {tuple(sorted(block)) for block in blocks} == {("a1", "a2", "a3"), ("b1", "b2")}
    counts = [{len(own) for own in group.values()} for group in times]
    assert [len(own) for own in counts] == [1, 1]
    assert counts == [{sum(len(block) == size for block in blocks)} for size in (3, 2)]
    # the time is made use of
    assert 45 <= len(log) <= 50


def test_orders_are_random_and_the_same_for_the_same_seed() -> None:
    log, _ = run(seconds=200, least=2)
    blocks = of_groups(log)
    assert len(set(blocks)) == 6 + 2
    assert len({tuple(block[0][0] for block in blocks[i : i + 4]) for i in range(0, 40, 4)}) > 4
    assert run(seconds=200, least=2)[0] == log
    assert run(seconds=200, least=2, seed=1)[0] != log


def test_no_block_is_begun_that_would_take_longer_than_there_is_but_the_fewest_are_done() -> None:
    assert len(run(seconds=11, least=2)[0]) == 2 * 5
    assert len(run(seconds=15, least=2)[0]) in (2 * 5 + 2, 3 * 5)
    assert len(run(seconds=0, least=4)[0]) == 4 * 5


def test_dear_places_get_fewer_blocks_in_the_proportion_that_makes_variances_least() -> None:
    counts = blocks_within([0.01, 0.01, 1.0], 12, 1)
    assert counts == [100, 100, 10]
    # no other division of the same seconds has a smaller sum of variances
    least = sum(1 / count for count in counts)
    for other in ([50, 50, 11], [150, 150, 9], [200, 100, 9], [60, 140, 10]):
        assert 0.01 * other[0] + 0.01 * other[1] + other[2] <= 12
        assert sum(1 / count for count in other) > least
    # no place gets less than the fewest, and others pay for it
    assert blocks_within([0.01, 0.01, 1.0], 12, 11) == [50, 50, 11]


def test_a_part_gets_its_share_of_what_is_left() -> None:
    clock = Clock()
    budget = Budget(100, {"first": 1, "second": 1, "third": 2}, clock)
    left = budget.begin("first")
    assert left() == 25
    clock.now += 5
    assert left() == 20
    # 95 s are left for a third and two thirds
    assert budget.begin("second")() == pytest.approx(95 / 3)
    clock.now += 200
    assert budget.begin("third")() == 0
