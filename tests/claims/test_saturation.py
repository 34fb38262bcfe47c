"""C7: training is all of its epochs, and the advice on seeds knows how many tests are corrected together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import entry, rng_of, study


def saturated(init: float, training: float, last: float, spread: float = 0.01, **changed: Any) -> dict[str, Any]:
    """A study in which sigmoid has such fractions at init, after the epochs but the last, and in the end; relu 0.3."""

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        shape = found["saturated"].shape
        moments = np.full(shape, training)
        moments[0], moments[-1] = init, last
        level = moments if factors["activation"] == "sigmoid" else np.full(shape, 0.3)
        return {"saturated": np.clip(level + spread * rng_of(factors).standard_normal(), 0, 1)}

    return study(layers=change, **changed)


def test_the_last_epoch_is_not_training() -> None:
    # more at init and at the very end, and less in between
    found = entry("C7", saturated(0.5, 0.1, 0.5))
    assert found["verdict"] == "refuted"
    assert found["quantity"] == "saturated units through training"
    assert found["effect"] == pytest.approx(100 * ((3 * 0.1 + 0.5) / 4 - 0.3), abs=1)


def test_the_last_epoch_alone_does_not_test_it() -> None:
    found = entry("C7", saturated(0.5, 0.5, 0.5, level="summary"))
    assert found["verdict"] == "not tested"
    assert found["evidence"].startswith("needs diagnostics of every epoch") and "diagnostics=full" in found["evidence"]
    assert entry("C7", saturated(0.5, 0.5, 0.5, level="summary", axes=[{"epochs": 1}]))["verdict"] == "supported"


def test_init_alone_can_refute_and_not_support() -> None:
    found = entry("C7", saturated(0.1, 0.5, 0.5, level="summary"))
    assert found["verdict"] == "refuted"
    assert found["quantity"] == "saturated units at init" and found["effect"] == pytest.approx(-20, abs=1.5)
    assert "training was not looked at after every epoch" in found["evidence"]


def test_refuted_at_one_depth_is_shown_at_that_depth() -> None:
    tables = saturated(0.5, 0.5, 0.5)
    lower = tables["runs"].query("depth == 4 and activation == 'sigmoid'")["run_id"]
    layers = tables["layers"]
    layers.loc[layers["run_id"].isin(lower) & (layers["epoch"] == 0), "saturated"] = np.float32(0.1)
    found = entry("C7", tables)
    assert (found["verdict"], found["depth"]) == ("refuted", 4)
    assert found["quantity"] == "saturated units at init"
    assert found["effect"] == pytest.approx(-20, abs=1)
    assert (found["n"], found["runs"]) == (20, 40)


def test_runs_without_a_number_are_counted() -> None:
    tables = saturated(0.5, 0.5, 0.5, outcome=lambda f: "diverged" if f["seed"] < 2 and f["depth"] == 4 else "learned")
    tables["layers"].loc[
        tables["layers"]["run_id"].isin(tables["runs"].query("status == 'diverged'")["run_id"])
        & (tables["layers"]["epoch"] > 0),
        "saturated",
    ] = np.nan
    found = entry("C7", tables)["evidence"]
    assert "; 4 of 40 runs have no such number and are left out (diverged: 4)" in found


def test_seeds_are_for_both_moments_at_all_depths() -> None:
    # far apart, but with three seeds nothing is significant; 2 moments x 2 depths: 2 / C(2n, n) < 0.05 / 4
    found = entry("C7", saturated(0.9, 0.9, 0.9, seeds=3))
    assert found["verdict"] == "inconclusive"
    assert "with about 5 seeds" in found["evidence"]
    # and x 4 depths: < 0.05 / 8
    deeper = entry("C7", saturated(0.9, 0.9, 0.9, seeds=3, depths=(2, 4, 8, 16)))
    assert "with about 6 seeds" in deeper["evidence"]
