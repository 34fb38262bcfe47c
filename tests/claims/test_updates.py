"""C14: an update is divided by the learning rate in effect, which is tuned for each depth and falls over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from claims.studies import CLAIMS, entry, ledger, rng_of, study
from whyrelu.claims.updates import rate_in_effect
from whyrelu.training.classifier import Classifier

# Of synthetic runs.
STEPS_PER_EPOCH, EPOCHS = 19, 4


def updates(
    rates: Mapping[int, float],
    change: float,
    schedule: str = "cosine",
    spread: float = 0.02,
    **changed: Any,
) -> dict[str, Any]:
    """A study with a learning rate for each depth, and updates of the first layer in proportion to it.

    Args:
        rates: by depth.
        change: what updates per unit of the rate are multiplied by per doubling of depth.
        schedule: of the rate.
        spread: between runs, of their logarithm.
        changed: arguments of `claims.studies.study`.
    """

    def layers(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        epoch = np.arange(len(found["update"]))
        step, steps = (epoch - 1) * STEPS_PER_EPOCH + STEPS_PER_EPOCH // 2, factors["epochs"] * STEPS_PER_EPOCH
        if len(epoch) == 2 and factors["epochs"] > 1:
            step[1] = (factors["epochs"] - 1) * STEPS_PER_EPOCH + STEPS_PER_EPOCH // 2
        factor = (1 + np.cos(np.pi * step / steps)) / 2 if schedule == "cosine" else np.ones(len(epoch))
        per_unit = change ** np.log2(factors["depth"])
        noise = np.exp(spread * rng_of(factors).standard_normal())
        value = 0.01 * rates[factors["depth"]] * factor * per_unit * noise
        return {"update": np.where(np.isnan(found["update"]), np.nan, value[:, None])}

    tables = study(depths=tuple(rates), layers=layers, **changed)
    tables["runs"]["lr"] = tables["runs"]["depth"].map(rates)
    return tables | {"common": {**tables["common"], "schedule": schedule}}


def test_a_fall_that_is_all_of_the_learning_rate_refutes() -> None:
    found = entry("C14", updates({2: 0.3, 4: 0.03}, 1.0))
    assert found["verdict"] == "refuted"
    assert found["effect"] == pytest.approx(1.0, abs=0.03)
    # as it is, it falls by the learning rate
    raw = ledger(updates({2: 0.3, 4: 0.03}, 1.0), CLAIMS["C14"]).contrasts
    raw = raw[raw["quantity"].str.contains("as it is") & raw["comparison"].str.startswith("sigmoid")]
    assert np.exp(raw["effect"].item()) == pytest.approx(0.1, rel=0.03)


def test_a_fall_beyond_the_learning_rate_supports() -> None:
    found = entry("C14", updates({2: 0.3, 4: 0.03}, 0.5))
    assert found["verdict"] == "supported"
    assert found["effect"] == pytest.approx(0.5, rel=0.03)
    assert found["low"] < found["effect"] < found["high"] < 1
    assert found["n"] == 20


def test_a_run_that_stopped_early_has_the_rate_of_the_step_it_reached() -> None:
    # those of depth 4 stop after 4 of 12 epochs, in the first of which the rate is near its start
    tables = updates(
        {2: 0.3, 4: 0.3},
        1.0,
        spread=0.0,
        axes=[{"epochs": 12}],
        outcome=lambda factors: "diverged" if factors["depth"] == 4 else "learned",
    )
    found = entry("C14", tables)
    assert found["effect"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("change", "verdict"), [(0.1, "supported"), (1.0, "inconclusive"), (3.0, "inconclusive")])
def test_where_steps_change_nothing_only_a_fall_is_concluded(change: float, verdict: str) -> None:
    tables = updates({2: 0.3, 4: 0.3}, change)
    layers = tables["layers"]
    layers.loc[(layers["epoch"] == EPOCHS) & layers["update"].notna(), "update"] = 0.0
    found = entry("C14", tables)
    assert found["verdict"] == verdict


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_rate_in_effect_is_that_of_training(schedule: str) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    network = torch.nn.ParameterList([parameter])
    config = {"optimizer": {"_target_": "torch.optim.SGD"}, "lr": 0.3, "schedule": schedule}
    module = Classifier(network, config, lambda name, epoch: 0)
    module._trainer = SimpleNamespace(estimated_stepping_batches=12)
    configured = module.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    scheduled = configured["lr_scheduler"]["scheduler"] if isinstance(configured, dict) else None
    found = []
    for _ in range(12):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduled is not None:
            scheduled.step()
    assert rate_in_effect(0.3, schedule, np.arange(12), 12) * np.ones(12) == pytest.approx(found)
