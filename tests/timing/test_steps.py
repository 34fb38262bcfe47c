from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import whyrelu.timing.steps
from timed_nets import batches
from whyrelu.timing.plan import plan_timing
from whyrelu.timing.steps import BASELINE, KINDS, Net, Steps, time_steps
from whyrelu.timing.stopwatch import WARM_UP, sample_seconds, seconds_of


@pytest.fixture
def plan(configs):
    return plan_timing(configs("activation=relu,sigmoid", "depth=1,2", "timing.widths=[2,4]"))


def steps(blocks: int = 2) -> Steps:
    return Steps(batches(), 10, blocks, 0.0, np.random.default_rng(0))


def test_every_net_makes_twenty_steps_before_the_first_is_timed(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[int, str]] = []
    monkeypatch.setattr(Net, "train", lambda net: log.append((id(net), "train")))
    monkeypatch.setattr(Net, "infer", lambda net: log.append((id(net), "inference")))
    first: dict[tuple[int, str], int] = {}

    def timed(net: Net, kind: str, least: float) -> float:
        first.setdefault((id(net), kind), len(log))
        return 1.0

    monkeypatch.setattr(Net, "seconds", timed)
    time_steps(steps(), plan.depths, lambda: 0.0)
    assert len(first) == 2 * 3 * len(KINDS)
    assert WARM_UP >= 20
    for key, position in first.items():
        assert sum(entry == key for entry in log[:position]) == WARM_UP


def test_entries_have_a_number_per_block_and_shares_of_the_same_blocks(plan) -> None:
    entries, left_out = time_steps(steps(blocks=3), plan.depths, lambda: 0.0)
    assert left_out == []
    places = {(entry["activation"], entry["depth"], entry["width"], entry["kind"]) for entry in entries}
    assert places == {
        (name, depth, 2, kind) for name in ("relu", "sigmoid", BASELINE) for depth in (1, 2) for kind in KINDS
    }
    assert len(entries) == len(places)
    found = {(entry["activation"], entry["depth"], entry["kind"]): entry for entry in entries}
    for (name, depth, kind), entry in found.items():
        assert len(entry["seconds"]) == 3
        assert all(seconds > 0 for seconds in entry["seconds"])
        assert entry["threads"] == 1
        free = found[BASELINE, depth, kind]["seconds"]
        share = [1 - without / own for without, own in zip(free, entry["seconds"], strict=True)]
        assert entry["activation_share"] == (None if name == BASELINE else pytest.approx(share))


def test_widths_that_do_not_fit_are_left_out_with_all_wider_ones(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whyrelu.timing.steps, "_duration", lambda net, kind: 0.01)
    entries, left_out = time_steps(steps(), plan.widths, lambda: 0.1, may_leave_out=True)
    assert entries == []
    assert left_out == ["width 4 at depth 1"]
    # for planning there is time enough, and no block is done beyond the fewest
    left = iter([10.0, 0.0])
    entries, left_out = time_steps(steps(), plan.widths, lambda: next(left), may_leave_out=True)
    assert {entry["width"] for entry in entries} == {4}
    assert left_out == []


def test_a_step_trains_and_leaves_the_weights_where_they_are(plan) -> None:
    net = Net(plan.depths[1].configs["relu"], batches(), 10)
    before = [p.detach().clone() for p in net.network.parameters()]
    for _ in range(3):
        net.train()
    for p, old in zip(net.network.parameters(), before, strict=True):
        assert p.grad is not None
        assert torch.isfinite(p.grad).all()
        assert torch.allclose(p, old, rtol=0, atol=1e-8)
    state = [own["momentum_buffer"] for own in net.optimizer.state.values()]
    assert any((buffer != 0).any() for buffer in state)


def test_inference_is_without_gradients_in_the_mode_for_evaluation(plan) -> None:
    net = Net(plan.depths[1].configs["relu"], batches(), 10)
    net.warm_up("inference", 1)
    net.seconds("inference", 0.0)
    assert not net.network.training
    assert net.infer().is_inference()
    assert net.infer().shape == (16, 10)
    assert not net.network.training
    net.warm_up("train", 1)
    assert net.network.training
    net.infer()
    net.network.eval()
    net.seconds("train", 0.0)
    assert net.network.training


@pytest.mark.parametrize(
    ("precision", "weights", "logits"),
    [
        ("32-true", torch.float32, torch.float32),
        ("64-true", torch.float64, torch.float64),
        ("bf16-mixed", torch.float32, torch.bfloat16),
    ],
)
def test_nets_compute_in_the_precision_of_the_study(configs, precision, weights, logits) -> None:
    plan = plan_timing(configs("activation=relu", "depth=1", f"precision={precision}"))
    net = Net(plan.depths[0].configs["relu"], batches(), 10)
    net.train()
    assert next(net.network.parameters()).dtype == weights
    assert net.infer().dtype == logits


def threads_of_calls(least: float, about: float) -> list[int]:
    """How many threads each call sees that a sample makes."""
    seen: list[int] = []
    seconds = seconds_of(lambda: seen.append(torch.get_num_threads()), threads=3, least=least, about=about)
    assert math.isfinite(seconds)
    return seen


@pytest.mark.parametrize(
    ("least", "about", "calls"),
    [
        # those that fit, and first one that is not timed
        (0.02, 0.005, 1 + 4),
        # a millisecond at a time
        (0.02, 0.0005, 2 + 40),
        # three to take the median of
        (0.002, 0.004, 1 + 3),
        (0.0, 1e-6, 1 + 3),
        # a long call is made once
        (0.02, 0.05, 1),
        (1.0, 3.0, 1),
    ],
)
def test_a_sample_makes_calls_with_as_many_threads_as_asked_for(least: float, about: float, calls: int) -> None:
    before = torch.get_num_threads()
    assert threads_of_calls(least, about) == [3] * calls
    assert torch.get_num_threads() == before
    # which is known before
    assert least == 0 or sample_seconds(least, about) == pytest.approx(about * calls)
