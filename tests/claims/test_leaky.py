"""C11: accuracy that is no worse needs no proof that it is better or equal, and what decides is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import CLAIMS, entry, ledger, rng_of, study


def leaky(difference: Mapping[int, float], spread: float, seeds: int, dead: float = 0.0) -> dict[str, Any]:
    """A study with exact means: leaky ReLU is so much better than ReLU at each depth, scattered as normal quantiles."""
    quantiles = np.random.default_rng(0).permutation(np.linspace(-1.7, 1.7, seeds))

    def accuracy(factors: Mapping[str, Any]) -> float:
        better = difference[factors["depth"]] if factors["activation"] == "leaky_relu" else 0.0
        return 0.8 + better + spread * float(quantiles[factors["seed"]])

    def layers(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return {"dead": dead if factors["activation"] == "leaky_relu" else 0.1 + 0.01 * rng_of(factors).random()}

    return study(("relu", "leaky_relu"), depths=tuple(difference), seeds=seeds, layers=layers, accuracy=accuracy)


def test_within_the_margin_or_better_is_one_test() -> None:
    tables = leaky({2: 0.01}, 0.02, 40)
    test = ledger(tables, CLAIMS["C11"]).contrasts.query("quantity == 'test accuracy'").iloc[0]
    # neither better nor equal within half a point is shown, and that it is no more than that below is
    assert test["superiority"] < 0.75 and test["high"] > 0.5 and test["low"] > -0.5
    found = entry("C11", tables)
    assert (found["verdict"], test["outcome"]) == ("supported", "not worse")
    assert found["effect"] == pytest.approx(1.0)
    assert found["p_adjusted"] == pytest.approx(test["p_equality_adjusted"], rel=1e-5) and found["p_adjusted"] < 0.05


def test_what_may_be_further_below_is_open_and_says_how_many_seeds() -> None:
    tables = leaky({2: 0.0}, 0.02, 10)
    found = entry("C11", tables)
    assert found["verdict"] == "inconclusive"
    # sd 2 points, margin half a point, one-sided: 2 (1.645 + 0.842)^2 2.2^2 / 0.5^2
    assert "with about" in found["evidence"]
    seeds = int(found["evidence"].split("with about ")[1].split()[0])
    sd = 100 * np.std(tables["runs"].query("activation == 'relu'")["test_accuracy"], ddof=1)
    assert seeds == pytest.approx(2 * (1.645 + 0.842) ** 2 * sd**2 / 0.5**2, rel=0.02)


@pytest.mark.parametrize(
    ("difference", "dead", "quantity", "depth", "effect"),
    [
        ({2: 0.0, 4: 0.0}, 0.01, "runs with a dead unit at the end", None, 100),
        ({2: 0.0, 4: -0.1}, 0.0, "test accuracy", 4, -10),
    ],
)
def test_what_refutes_is_shown(
    difference: dict[int, float], dead: float, quantity: str, depth: int | None, effect: float
) -> None:
    found = entry("C11", leaky(difference, 0.004, 20, dead))
    assert found["verdict"] == "refuted"
    assert (found["quantity"], found["depth"]) == (quantity, depth)
    assert found["effect"] == pytest.approx(effect)
    assert found["comparison"] == ("leaky_relu" if dead else "leaky_relu - relu")
