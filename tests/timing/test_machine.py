from __future__ import annotations

import pytest
import torch

import whyrelu.timing.machine
from whyrelu.timing.machine import Use, facts, others_between, wait_for_calm


def test_others_are_all_but_this_process() -> None:
    first = Use(moment=10.0, everyone=100.0, own=5.0, stolen=0.0)
    # in 4 s the processors worked 7 s, 3 s of them for this process, and the host took 1 s away
    assert others_between(first, Use(14.0, 107.0, 8.0, 1.0)) == pytest.approx((7 - 3 + 1) / 4)
    # clocks of different precision
    assert others_between(first, Use(14.0, 102.99, 8.0, 0.0)) == 0
    assert others_between(first, first) is None
    assert others_between(None, first) is None


def test_waiting_ends_when_others_are_calm_or_patience_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([1.5, 0.9, 0.01])
    monkeypatch.setattr(whyrelu.timing.machine, "_GLANCE", 0.0)
    monkeypatch.setattr(whyrelu.timing.machine, "others_between", lambda first, second: next(seen))
    assert wait_for_calm(60) == 0.01
    seen = iter([1.5, 0.9])
    assert wait_for_calm(0) == 1.5
    monkeypatch.setattr(whyrelu.timing.machine, "others_between", lambda first, second: None)
    assert wait_for_calm(60) is None


def test_facts_are_complete() -> None:
    found = facts(torch.device("cpu"), 3)
    assert (found["device"], found["device_name"], found["threads"]) == ("cpu", None, 3)
    assert found["cores"] >= 1
    assert found["libraries"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert all(found[name] for name in ("cpu", "instructions", "python"))
