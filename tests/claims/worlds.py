"""Studies in which one thing is as a claim says it or not, for tests of verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from claims.studies import Change, Tables, rng_of, study, tuning_of

RATES = [0.003, 0.01, 0.03, 0.1, 0.3]
INITS_AND_NORMS = [{"init": init, "norm": norm} for init in ("critical", "pytorch") for norm in ("none", "batch")]


def noise(factors: Mapping[str, Any]) -> float:
    """A standard normal number for a run, the same every time."""
    return float(rng_of(factors).standard_normal())


def failing(counts: Mapping[tuple[str, int], int], **changed: Any) -> Tables:
    """So many runs of an activation fail at a depth."""

    def outcome(factors: Mapping[str, Any]) -> str:
        most = counts.get((factors["activation"], factors["depth"]), 0)
        return "at_chance" if factors["seed"] < most else "learned"

    return study(**{"level": "off", "outcome": outcome} | changed)


def factorial(rescued: float, spread: float, relu: float = 0.1, deeper: float = 0.0, **changed: Any) -> Tables:
    """A full factorial of activation, init and norm.

    Args:
        rescued: what batch norm adds to the accuracy of sigmoid only.
        spread: between runs.
        relu: what relu is better by, with either sign.
        deeper: what depth 8 adds with relu and batch norm, and takes off with one of them: an interaction of all three.
        changed: arguments of `claims.studies.study`.
    """

    def accuracy(factors: Mapping[str, Any]) -> float:
        signs = [1 if yes else -1 for yes in (factors["activation"] == "relu", factors["norm"] == "batch")]
        alone = factors["norm"] == "batch" and factors["activation"] == "sigmoid"
        third = deeper * signs[0] * signs[1] * (1 if factors["depth"] == 8 else -1)
        return 0.5 + rescued * alone + relu * signs[0] + third + spread * noise(factors)

    given = {"depths": (4,), "seeds": 6, "axes": INITS_AND_NORMS, "level": "off"}
    return study(**given | {"accuracy": accuracy} | changed)


def saturated(init: float, training: float, last: float, spread: float = 0.01, **changed: Any) -> Tables:
    """Sigmoid has such fractions at init, after all epochs but the last, and in the end; relu 0.3."""

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        moments = np.full(found["saturated"].shape, training)
        moments[0], moments[-1] = init, last
        level = moments if factors["activation"] == "sigmoid" else np.full_like(moments, 0.3)
        return {"saturated": np.clip(level + spread * noise(factors), 0, 1)}

    return study(**{"layers": change} | changed)


def recovering(
    rate: Mapping[int, float], spread: Mapping[int, float], saturated: float = 0.2, **changed: Any
) -> Tables:
    """So many of the saturated units leave saturation per epoch, by depth."""

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        value = np.clip(rate[factors["depth"]] + spread[factors["depth"]] * noise(factors), 0, 1)
        return {"saturated": saturated, "desaturated": np.where(np.isnan(found["desaturated"]), np.nan, value)}

    return study(**{"layers": change} | changed)


def dead(*means: float, seeds: int = 10, rates: Callable[[float, int], float] | None = None) -> Tables:
    """Such fractions of the units of relu are dead at depths 2 and 4; and in tuning, by rate and seed."""
    by_depth = dict(zip((2, 4), means, strict=True))

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        mean = by_depth[factors["depth"]] if factors["activation"] == "relu" else 0.0
        return {"dead": max(mean * (1 + 0.3 * noise(factors)), 0)}

    tables = study(seeds=seeds, layers=change)
    return tables if rates is None else tables | {"tuning": tuning_of(tables, RATES, rates)}


def leaky(difference: Mapping[int, float], spread: float, seeds: int, dead: float = 0.0) -> Tables:
    """Leaky ReLU is so much better than ReLU at each depth, scattered as normal quantiles: means are exact."""
    quantiles = np.random.default_rng(0).permutation(np.linspace(-1.7, 1.7, seeds))

    def accuracy(factors: Mapping[str, Any]) -> float:
        better = difference[factors["depth"]] if factors["activation"] == "leaky_relu" else 0.0
        return 0.8 + better + spread * float(quantiles[factors["seed"]])

    def layers(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return {"dead": dead if factors["activation"] == "leaky_relu" else 0.1 + 0.01 * rng_of(factors).random()}

    return study(("relu", "leaky_relu"), depths=tuple(difference), seeds=seeds, layers=layers, accuracy=accuracy)


def rescued(failing: Mapping[str, int], **changed: Any) -> Tables:
    """So many of ten runs of each relative of sigmoid fail at depth 4."""

    def outcome(factors: Mapping[str, Any]) -> str:
        fails = factors["depth"] == 4 and factors["seed"] < failing.get(factors["activation"], 0)
        return "at_chance" if fails else "learned"

    names = ("relu", "sigmoid", "rescaled_sigmoid", "centred_sigmoid")
    return study(**{"activations": names, "outcome": outcome, "level": "off"} | changed)


def without(tables: Tables, query: str) -> Tables:
    """A study without some of its runs."""
    gone = tables["runs"].query(query)["run_id"]
    return {
        name: table[~table["run_id"].isin(gone)].reset_index(drop=True)
        if isinstance(table, pd.DataFrame) and "run_id" in table
        else table
        for name, table in tables.items()
    }


def gradients(slope: float, spread: float = 0.05, bend: float = 0.0, zeros: int = 0, **changed: Any) -> Tables:
    """ln gradient rises so much per layer, is bent from a line, and the first layers underflow."""

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        layer = np.arange(factors["depth"])
        steep = slope + spread * noise(factors)
        gradient = np.exp(steep * (layer - factors["depth"]) + bend * (-1.0) ** layer)
        return {"gradient": np.where(layer < zeros, 0.0, gradient)[None]}

    return study(**{"layers": change} | changed)


def updates(factor: Mapping[str, float], spread: float = 0.02, **changed: Any) -> Tables:
    """Updates of the first layer are multiplied by this per doubling of depth, by optimizer."""

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        value = factor[factors["optimizer"]] ** np.log2(factors["depth"]) * np.exp(spread * noise(factors))
        return {"update": np.where(np.isnan(found["update"]), np.nan, 0.01 * value)}

    return study(**{"layers": change, "axes": [{"optimizer": name} for name in factor]} | changed)


def curves(spread: float = 0.2, seeds: int = 10, **middles: float) -> Tables:
    """A study of 20 epochs in which the accuracy of each activation rises in the middle of an epoch."""

    def curve(factors: Mapping[str, Any]) -> list[float]:
        middle = middles[factors["activation"]] + spread * noise(factors)
        return np.round(0.1 + 0.88 / (1 + np.exp(-(np.arange(1, 21) - middle))), 3).tolist()

    return study(axes=[{"epochs": 20}], level="off", seeds=seeds, curve=curve)


def constant(**values: float) -> Change:
    """The same number in all layers of all runs."""
    return lambda factors, found: values
