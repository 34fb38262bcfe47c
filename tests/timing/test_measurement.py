"""What one process times; nothing here depends on what anything takes."""

from collections.abc import Callable
from itertools import product

import pytest
import torch

import whyrelu.timing.measurement
from whyrelu.config.grid import compose
from whyrelu.timing.measurement import Task, TimedNetwork, measure

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = ("batch_size=16", "width=2", "timing.sizes=[16,64]", "timing.widths=[2,4,8]", "init=he")
RELU, SIGMOID, GELU = ({"name": name, "_target_": f"torch.nn.{name}"} for name in ("ReLU", "Sigmoid", "GELU"))


def task(*overrides: str, until: float = 0.0, **changed: object) -> Task:
    activations = {"relu": RELU, "gelu": GELU, "sigmoid": SIGMOID}
    return Task(compose([*SETTINGS, *overrides]), activations, [1, 2], (8, 8, 1), 10, until, 0)._replace(**changed)


def test_one_round_is_done_whatever_it_takes() -> None:
    found = measure(task())
    op = [(e["activation"], e["size"], e["pass"]) for e in found["entries"] if "pass" in e]
    assert sorted(op) == sorted(product(["relu", "gelu", "sigmoid"], [16, 64], ["forward", "backward"]))
    step = [(e["activation"], e["depth"], e["width"], e["kind"]) for e in found["entries"] if "kind" in e]
    kinds = ["train", "inference"]
    # the pair at another width, at which without time all wider ones are left out
    expected = {
        *product(["relu", "gelu", "sigmoid"], [1, 2], [2], kinds),
        *product(["relu", "sigmoid"], [1], [4], kinds),
    }
    assert sorted(step) == sorted(expected)
    assert found["left_out"] == ["width 8 at depth 1"]
    for entry in found["entries"]:
        assert entry["threads"] == 1
        assert entry["seconds"] > 0


def test_everything_is_timed_once_per_round_in_random_order(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[Callable[[], object]] = []
    now = [0.0]

    def seconds(function: Callable[[], object], number: int, threads: int) -> float:
        log.append(function)
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(whyrelu.timing.measurement, "_seconds", seconds)
    monkeypatch.setattr("time.time", lambda: now[0])
    # 12 operations and 16 steps before the first of some rounds, of which the fourth would be over too late
    found = measure(task(until=28 + 28 * 3.5))
    assert len(log) == 28 * 4
    warm, *rounds = (log[i : i + 28] for i in range(0, len(log), 28))
    assert all(set(own) == set(warm) for own in rounds)
    assert len({tuple(own) for own in rounds}) == 3
    # the middle one of three numbers, each from another round; small tensors are 32 at a time
    times = [entry["seconds"] * (32 if "pass" in entry else 1) for entry in found["entries"]]
    assert all(28 * 2 < seconds < 28 * 3 + 1 for seconds in times)


@pytest.mark.parametrize(
    ("precision", "weights", "logits"),
    [
        ("32-true", torch.float32, torch.float32),
        ("64-true", torch.float64, torch.float64),
        ("bf16-mixed", torch.float32, torch.bfloat16),
    ],
)
def test_a_step_is_one_of_training_that_changes_nothing(precision, weights, logits) -> None:
    entry = {"activation": "sigmoid", "depth": 2, "width": 4}
    network = TimedNetwork(task(f"precision={precision}", "norm=batch"), entry | {"kind": "train"})
    before = [parameter.detach().clone() for parameter in network.network.parameters()]
    for _ in range(3):
        network.train()
    assert network.network.training
    for parameter, old in zip(network.network.parameters(), before, strict=True):
        assert parameter.dtype == weights
        assert parameter.grad is not None and parameter.grad.isfinite().all()
        assert torch.allclose(parameter, old, rtol=0, atol=1e-8)
    inferring = TimedNetwork(task(f"precision={precision}", "norm=batch"), entry | {"kind": "inference"})
    assert not inferring.network.training
    found = inferring.inference()
    assert (found.dtype, found.shape, found.is_inference()) == (logits, (16, 10), True)
