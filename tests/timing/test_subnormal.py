from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from timed_nets import batches
from whyrelu.timing.plan import plan_timing
from whyrelu.timing.steps import Steps
from whyrelu.timing.subnormal import can_flush, flushed_share, flushing, subnormal_share, time_subnormal

TINY = 1e-40
needs_switch = pytest.mark.skipif(not can_flush(), reason="this processor cannot flush subnormal numbers")


def halves_to_subnormal() -> bool:
    """Whether a product below the normal numbers is kept."""
    product = torch.tensor([1e-38]) * 0.5
    return bool((product.view(torch.int32) != 0).all())


@needs_switch
def test_numbers_are_flushed_within_and_kept_after() -> None:
    assert halves_to_subnormal()
    with flushing(True):
        assert not halves_to_subnormal()
    assert halves_to_subnormal()
    with flushing(False):
        assert halves_to_subnormal()
    with pytest.raises(RuntimeError), flushing(True):
        raise RuntimeError
    assert halves_to_subnormal()


@needs_switch
def test_one_thread_flushes_everything() -> None:
    threads = torch.get_num_threads()
    assert flushed_share(1) == 1
    assert 0 < flushed_share(2) <= 1
    assert torch.get_num_threads() == threads


def test_subnormal_numbers_are_counted() -> None:
    numbers = torch.tensor([0.0, TINY, -TINY, 1.0])
    assert subnormal_share([numbers]) == 0.5
    assert subnormal_share([numbers, torch.ones(4), torch.tensor([1, 2])]) == 0.25
    # 1e-40 is a normal number in double precision
    assert subnormal_share([numbers.double()]) == 0
    assert subnormal_share([]) is None


@needs_switch
@pytest.mark.parametrize("flush", [False, True])
def test_momentum_without_gradient_ends_among_subnormal_numbers_and_stays(flush: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(8))
    optimizer = torch.optim.SGD([weight], lr=1e-3, momentum=0.9)
    with flushing(flush):
        for step in range(1500):
            weight.grad = torch.full((8,), float(step == 0))
            optimizer.step()
    assert subnormal_share([optimizer.state[weight]["momentum_buffer"]]) == (0 if flush else 1)


@needs_switch
def test_gradients_that_vanish_are_subnormal_unless_they_are_flushed(configs) -> None:
    plan = plan_timing(configs("activation=relu", "depth=1", "timing.vanishing_depths=[2,48]"))
    steps = Steps(batches(), 10, 2, 0.0, np.random.default_rng(0))
    # for planning there is time enough, and no block is done beyond the fewest
    left = iter([1000.0, 0.0])
    entries, left_out = time_subnormal(steps, plan.vanishing, lambda: next(left))
    assert left_out == []
    found = {(entry["activation"], entry["depth"], entry["flush"]): entry for entry in entries}
    assert set(found) == {(a, d, f) for a in ("relu", "sigmoid") for d in (2, 48) for f in (False, True)}
    assert all(len(entry["seconds"]) >= 2 for entry in entries)
    assert found["sigmoid", 48, False]["gradients"] > 0
    assert found["sigmoid", 48, False]["state"] > 0
    for name in ("relu", "sigmoid"):
        assert found[name, 2, False]["gradients"] == 0
        assert found[name, 48, True]["gradients"] == found[name, 48, True]["state"] == 0
    assert halves_to_subnormal()


@needs_switch
def test_depths_for_which_no_time_is_left_are_told_and_without_state_there_is_no_share(configs) -> None:
    grid = ("activation=relu", "depth=1", "timing.vanishing_depths=[2,3]")
    plain = [
        dataclasses.replace(place, configs={name: without_momentum(config) for name, config in place.configs.items()})
        for place in plan_timing(configs(*grid)).vanishing
    ]
    entries, left_out = time_subnormal(Steps(batches(), 10, 2, 0.0, np.random.default_rng(0)), plain, lambda: 0.0)
    assert {entry["depth"] for entry in entries} == {2}
    assert left_out == ["depth 3 with gradients that vanish"]
    assert [(entry["gradients"], entry["state"]) for entry in entries] == [(0.0, None)] * 4


def without_momentum(config: dict) -> dict:
    return {**config, "optimizer": {**config["optimizer"], "momentum": 0.0}}
