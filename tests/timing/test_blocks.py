from __future__ import annotations

import itertools

import numpy as np
import pytest

from whyrelu.timing.blocks import Budget, in_blocks


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


def test_each_alternative_is_timed_once_per_block_beside_the_others_of_its_group() -> None:
    log, times = run(seconds=50, least=2)
    blocks = [log[i : i + 5] for i in range(0, len(log), 5)]
    assert len(blocks) == 10
    for block in blocks:
        assert sorted(block) == ["a1", "a2", "a3", "b1", "b2"]
        # groups stay together
        assert [key for key, _ in itertools.groupby(block, key=lambda name: name[0])] in (["a", "b"], ["b", "a"])
    assert {name: len(own) for group in times for name, own in group.items()} == dict.fromkeys(
        ("a1", "a2", "a3", "b1", "b2"), 10
    )


def test_orders_are_random_and_the_same_for_the_same_seed() -> None:
    log, _ = run(seconds=200, least=2)
    blocks = {tuple(log[i : i + 5]) for i in range(0, len(log), 5)}
    assert len(blocks) > 8
    assert {block[0] for block in blocks} == {"a1", "a2", "a3", "b1", "b2"}
    assert run(seconds=200, least=2)[0] == log
    assert run(seconds=200, least=2, seed=1)[0] != log


def test_no_block_is_begun_that_would_take_longer_than_there_is_but_the_fewest_are_done() -> None:
    assert len(run(seconds=14, least=2)[0]) == 2 * 5
    assert len(run(seconds=15, least=2)[0]) == 3 * 5
    assert len(run(seconds=0, least=4)[0]) == 4 * 5


def test_numbers_at_one_position_are_of_one_block() -> None:
    clock = Clock()
    count = itertools.count()

    def read() -> float:
        clock.now += 1
        return next(count)

    (times,) = in_blocks([{"a": read, "b": read}], 20, 2, np.random.default_rng(3), clock)
    assert all({a // 2, b // 2} == {i} for i, (a, b) in enumerate(zip(times["a"], times["b"], strict=True)))


@pytest.mark.parametrize("groups", [[], [{}]])
def test_nothing_to_time_takes_no_time(groups: list[dict]) -> None:
    assert in_blocks(groups, 10, 5, np.random.default_rng(0), Clock()) == groups


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
