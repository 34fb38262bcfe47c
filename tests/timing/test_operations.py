from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import whyrelu.timing.operations
from whyrelu.timing.operations import Operations, tensors_together, time_operations

SIZES = (16, 2**20, 2**23)


class Counted(nn.Module):
    """Twice its input; counts the elements of its passes by size."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, int]] = Counter()

    def forward(self, x: Tensor) -> Tensor:
        y = 2 * x
        if torch.is_grad_enabled():
            y.register_hook(lambda gradient: self.count("backward", gradient))
        else:
            self.count("forward", x)
        return y

    def count(self, name: str, x: Tensor) -> None:
        self.seen[name, x.numel()] += 1


def test_each_pass_is_warmed_up_at_each_size_before_the_first_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Counted()
    warm: list[dict[tuple[str, int], int]] = []

    def timed(call: object, threads: int, least: float, about: float) -> float:
        warm.append(dict(module.seen))
        return 1.0

    monkeypatch.setattr(whyrelu.timing.operations, "seconds_of", timed)
    operations = Operations({"counted": lambda: module}, {}, SIZES, torch.device("cpu"), torch.float32, 1, 0.0)
    entries = time_operations(operations, lambda: 0.0, 2, np.random.default_rng(0))
    assert {(entry["size"], entry["pass"]) for entry in entries} == {
        (size, name) for size in SIZES for name in ("forward", "backward")
    }
    calls = {key: count / tensors_together(key[1]) for key, count in warm[0].items()}
    # fewer at large sizes, so that it all fits into the time there is
    assert calls == {
        (name, size): count for name in ("forward", "backward") for size, count in zip(SIZES, (20, 8, 2), strict=True)
    }
