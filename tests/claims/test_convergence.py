"""C18: decided in steps, with runs that diverged followed to the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import entry, rng_of, study


def curves(relu: float, sigmoid: float, spread: float = 0.2, **changed: Any) -> dict[str, Any]:
    """A study of 20 epochs in which the accuracy of each rises in the middle of an epoch."""
    middles = {"relu": relu, "sigmoid": sigmoid}

    def curve(factors: Mapping[str, Any]) -> list[float]:
        middle = middles[factors["activation"]] + spread * rng_of(factors).standard_normal()
        return np.round(0.1 + 0.88 / (1 + np.exp(-(np.arange(1, 21) - middle))), 3).tolist()

    return study(axes=[{"epochs": 20}], level="off", curve=curve, **changed)


def timed(relu: float, sigmoid: float) -> dict[str, Any]:
    """Seconds per step."""
    seconds = {"relu": relu, "sigmoid": sigmoid}
    steps = [
        {
            "activation": name,
            "depth": depth,
            "width": 16,
            "kind": "train",
            "threads": 1,
            "activation_share": None,
            "seconds": [value] * 5,
        }
        for name, value in seconds.items()
        for depth in (2, 4)
    ]
    return {"timing": {"op": [], "step": steps}}


def test_slower_steps_do_not_take_support_away() -> None:
    tables = curves(4, 12)
    found = entry("C18", tables | timed(100.0, 1.0))
    assert found["verdict"] == "supported"
    assert found["evidence"].startswith("decided in steps; ")
    # later by many seconds, which is told
    assert "(and, on the machine that was timed, by this many seconds: -" in found["evidence"]


def test_faster_steps_do_not_give_support() -> None:
    # a larger area, and all thresholds at the same steps
    tables = curves(4, 4, spread=0.0)
    area = tables["run_convergence"]
    relu = area["run_id"].isin(tables["runs"].query("activation == 'relu'")["run_id"])
    noise = 0.001 * np.arange(len(area)) / len(area)
    tables["run_convergence"] = area.assign(area=area["area"] + 0.1 * relu + noise)
    found = entry("C18", tables | timed(1.0, 100.0))
    assert found["verdict"] == "inconclusive"
    # what stands in the way, not the area that is larger
    assert found["unit"] == "steps" and found["effect"] == 0


def test_the_depth_that_refutes_is_shown() -> None:
    tables = curves(4, 12)
    area = tables["run_convergence"]
    slow = area["run_id"].isin(tables["runs"].query("activation == 'relu' and depth == 4")["run_id"])
    tables["run_convergence"] = area.assign(area=area["area"].where(~slow, 0.1))
    never = tables["convergence"]["run_id"].isin(area["run_id"][slow])
    tables["convergence"].loc[never, "reached"] = False
    found = entry("C18", tables)
    assert (found["verdict"], found["depth"]) == ("refuted", 4)
    assert found["quantity"] == "area under the validation curve" and found["effect"] < -30
    assert (found["n"], found["runs"]) == (20, 40)


def test_runs_that_diverge_at_once_are_followed_to_the_end() -> None:
    # half of the runs of relu stop in the first epochs; those of sigmoid reach every threshold, late
    tables = curves(4, 12)
    runs = tables["runs"]
    stopped = (runs["activation"] == "relu") & (runs["seed"] < 5)
    runs.loc[stopped, "status"] = "diverged"
    never = tables["convergence"]["run_id"].isin(runs["run_id"][stopped])
    tables["convergence"].loc[never, "step"] = 19
    tables["convergence"].loc[never, "reached"] = False
    found = entry("C18", tables)
    assert "50% of relu and 100% of sigmoid runs reach a validation accuracy of 0.5" in found["evidence"]
    # steps 95 and 380 against 247: to censor the half that stopped at step 19 would save 150
    saved = found["evidence"].split("relu earlier by this many steps: ")[1].split(" ")[0]
    assert float(saved) == pytest.approx(247 - (95 + 380) / 2, abs=20)


def test_a_threshold_that_no_run_reaches_is_said_to_be_one() -> None:
    tables = curves(4, 12)
    high = tables["convergence"]["threshold"] == 0.9
    tables["convergence"].loc[high, "reached"] = False
    said = entry("C18", tables)["evidence"]
    assert said.endswith("; no run of either reaches a validation accuracy of 0.9")
    assert said.count("earlier by this many steps") == 2
    assert "no run of either" not in entry("C18", curves(4, 12))["evidence"]
