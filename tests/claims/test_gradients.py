"""C13 and C16: gradients that underflowed, and what decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import entry, rng_of, study


def gradients(slope: float, zeros: int = 0, from_seed: int = 0, bend: float = 0.0, **changed: Any) -> dict[str, Any]:
    """A study in which the gradients of the first layers underflow in some runs.

    Args:
        slope: of ln gradient over the layers.
        zeros: how many layers have a gradient of zero.
        from_seed: in the runs from this seed on.
        bend: how far logarithms are from a line.
        changed: arguments of `claims.studies.study`.
    """

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        layer = np.arange(factors["depth"])
        steep = slope + 0.02 * rng_of(factors).standard_normal()
        gradient = np.exp(steep * (layer - factors["depth"]) + bend * (-1.0) ** layer)
        return {"gradient": np.where((layer < zeros) & (factors["seed"] >= from_seed), 0.0, gradient)[None]}

    return study(layers=change, **changed)


@pytest.mark.parametrize("from_seed", [0, 7])
def test_a_first_gradient_of_zero_is_too_small(from_seed: int) -> None:
    found = entry("C16", gradients(1.0, zeros=1, from_seed=from_seed, depths=(8,)))
    assert found["verdict"] == "refuted"
    assert found["effect"] < 1 / 3 and found["n"] == 10
    assert f"in {10 - from_seed} of 10 runs the gradient of the first layer is zero and counts" in found["evidence"]


def test_no_gradient_at_all_is_no_lack_of_diagnostics() -> None:
    tables = study(depths=(8,), layers=lambda factors, found: {"gradient": 0.0})
    for claim, said in (
        ("C13", "in 10 of 10 runs of sigmoid too few layers have a gradient that is not zero"),
        ("C16", "in 10 of 10 runs of relu the gradient of the last layer is zero"),
    ):
        found = entry(claim, tables)
        assert found["verdict"] == "inconclusive"
        assert said in found["evidence"] and "diagnostics" not in found["evidence"]


def test_lines_go_through_what_did_not_underflow() -> None:
    found = entry("C13", gradients(1.0, zeros=3, depths=(8,)))
    assert found["verdict"] == "supported"
    assert found["effect"] == pytest.approx(np.exp(-1), rel=0.02)
    few = entry("C13", gradients(1.0, zeros=6, from_seed=8, depths=(8,)))
    assert few["n"] == 8
    assert "in 2 of 10 runs of sigmoid too few layers have a gradient that is not zero" in few["evidence"]


def test_what_refutes_is_shown() -> None:
    bent = entry("C13", gradients(0.3, bend=1.5, depths=(8,)))
    assert (bent["verdict"], bent["unit"]) == ("refuted", "R^2")
    assert bent["quantity"].startswith("R^2") and bent["effect"] < 0.9
    growing = entry("C13", gradients(-0.5, depths=(4, 8)))
    assert (growing["verdict"], growing["unit"]) == ("refuted", "factor per layer")
    assert growing["effect"] == pytest.approx(np.exp(0.5), rel=0.03)
    assert (growing["n"], growing["runs"]) == (10, 20)


def test_the_depth_that_refutes_is_shown() -> None:
    # within [1/3, 3] at depth 2 and far outside at depth 8
    found = entry("C16", gradients(1.0, depths=(2, 8)))
    assert (found["verdict"], found["depth"]) == ("refuted", 8)
    assert found["effect"] == pytest.approx(np.exp(-7), rel=0.1)


def test_two_equal_runs_decide_nothing() -> None:
    tables = study(seeds=2, depths=(8,), layers=lambda factors, found: {"gradient": 0.5})
    assert entry("C16", tables)["verdict"] == "inconclusive"
    assert entry("C13", tables)["verdict"] == "inconclusive"
