"""Each claim is shown to be supported, refuted, inconclusive and not tested, by the rules in conf/claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import around, entry, rng_of, study, tuning_of, verdict


def _sigmoid_fails_from_4(factors: Mapping[str, Any]) -> str:
    return "at_chance" if factors["activation"] == "sigmoid" and factors["depth"] >= 4 else "learned"


def test_trainability_supported() -> None:
    found = entry("C1", study(outcome=_sigmoid_fails_from_4))
    assert found["verdict"] == "supported"
    assert found["effect"] == 100
    assert "sigmoid fails in 10 of 10 runs [72%, 100%] and relu in 0 of 10 runs [0%, 28%]" in found["evidence"]
    assert found["p_adjusted"] < 0.05


@pytest.mark.parametrize("failing", [(), ("relu", "sigmoid")])
def test_trainability_refuted_if_none_or_both_fail(failing: tuple[str, ...]) -> None:
    tables = study(outcome=lambda f: "at_chance" if f["activation"] in failing and f["depth"] == 4 else "learned")
    assert verdict("C1", tables) == "refuted"


def test_trainability_inconclusive_with_few_seeds_or_without_growth() -> None:
    few = entry("C1", study(seeds=3, outcome=_sigmoid_fails_from_4))
    assert few["verdict"] == "inconclusive"
    assert "open: " in few["evidence"]
    everywhere = study(outcome=lambda f: "at_chance" if f["activation"] == "sigmoid" else "learned")
    found = entry("C1", everywhere)
    assert found["verdict"] == "inconclusive"
    assert "whether sigmoid fails more at larger depth" in found["evidence"]


def test_trainability_not_tested_at_one_depth() -> None:
    found = entry("C1", study(depths=(4,)))
    assert found["verdict"] == "not tested"
    assert "`python src/train.py -m experiment=digits activation=relu,sigmoid depth=2,4,8,16`" in found["evidence"]


_INITS = [{"init": init, "norm": norm} for init in ("critical", "pytorch") for norm in ("none", "batch")]


def _factorial(seeds: int, effect: float, noise: float) -> dict[str, Any]:
    def accuracy(factors: Mapping[str, Any]) -> float:
        rescued = factors["norm"] == "batch" or factors["activation"] == "relu"
        base = 0.5 + 0.2 * (factors["activation"] == "relu")
        return base + effect * rescued + noise * rng_of(factors).standard_normal()

    return study(depths=(4,), seeds=seeds, axes=_INITS, level="off", accuracy=accuracy)


def test_factorial() -> None:
    interacting = entry("C2", _factorial(6, 0.3, 0.01))
    assert interacting["verdict"] == "supported"
    assert "activation x norm" in interacting["evidence"]
    assert verdict("C2", _factorial(6, 0.0, 0.005)) == "refuted"
    assert verdict("C2", _factorial(3, 0.05, 0.2)) == "inconclusive"
    # so much noise that interactions explain a good part of the variance by chance
    assert verdict("C2", _factorial(3, 0.0, 0.3)) == "inconclusive"
    assert verdict("C2", _factorial(1, 0.3, 0.01)) == "not tested"
    found = entry("C2", study(level="off"))
    assert found["verdict"] == "not tested"
    assert found["evidence"].endswith("`make study STUDY=mechanisms`")


def _saturated(**fractions: float) -> Any:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        noise = 0.01 * rng_of(factors).standard_normal()
        return {"saturated": np.clip(fractions[factors["activation"]] + noise, 0, 1)}

    return change


def test_saturation() -> None:
    assert verdict("C7", study(layers=_saturated(relu=0.1, sigmoid=0.3))) == "supported"
    refuted = entry("C7", study(layers=_saturated(relu=0.5, sigmoid=0.1)))
    assert refuted["verdict"] == "refuted"
    assert refuted["effect"] == pytest.approx(-40, abs=2)
    assert refuted["high"] < 0
    assert verdict("C7", study(seeds=3, layers=_saturated(relu=0.1, sigmoid=0.105))) == "inconclusive"
    assert verdict("C7", study(level="off")) == "not tested"


def test_saturation_is_refuted_by_equality() -> None:
    def equal(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return {"saturated": 0.3 + 0.001 * rng_of(factors).standard_normal()}

    assert verdict("C7", study(layers=equal)) == "refuted"


def test_derivative() -> None:
    tables = study(level="off")
    found = entry("C8", tables)
    assert found["verdict"] == "supported"
    assert found["effect"] == pytest.approx(8.714)
    functions = tables["functions"]
    unbounded = functions.assign(active_high=np.inf, active_width=np.inf)
    refuted = entry("C8", tables | {"functions": unbounded})
    assert refuted["verdict"] == "refuted"
    assert refuted["effect"] is None
    assert verdict("C8", tables | {"functions": functions[functions["activation"] != "sigmoid"]}) == "not tested"


def _leaving(rate: float, spread: float, saturated: float = 0.2) -> Any:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        value = np.clip(rate + spread * rng_of(factors).standard_normal(), 0, 1)
        return {"saturated": saturated, "desaturated": np.where(np.isnan(found["desaturated"]), np.nan, value)}

    return change


def test_recovery() -> None:
    supported = entry("C9", study(layers=_leaving(0.01, 0.003)))
    assert supported["verdict"] == "supported"
    assert supported["effect"] == pytest.approx(1, abs=0.4)
    assert (supported["comparison"], supported["n"], supported["runs"]) == ("sigmoid", 10, 20)
    refuted = entry("C9", study(layers=_leaving(0.3, 0.03)))
    assert refuted["verdict"] == "refuted"
    assert refuted["effect"] == pytest.approx(30, abs=2)
    assert 5 < refuted["low"] < refuted["effect"] < refuted["high"]
    assert verdict("C9", study(layers=_leaving(0.05, 0.04))) == "inconclusive"
    nothing = entry("C9", study(layers=_leaving(0.05, 0.04, saturated=0.0)))
    assert nothing["verdict"] == "inconclusive"
    assert "no unit of sigmoid was ever saturated" in nothing["evidence"]
    assert verdict("C9", study(level="summary")) == "not tested"


def test_the_depth_that_refutes_recovery_is_shown() -> None:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        # surely at depth 2, and more but with more spread at depth 4
        rate, spread = (0.1, 0.005) if factors["depth"] == 2 else (0.12, 0.2)
        return _leaving(rate, spread)(factors, found)

    found = entry("C9", study(layers=change))
    assert (found["verdict"], found["depth"]) == ("refuted", 2)
    assert found["effect"] == pytest.approx(10, abs=1)


def test_recovery_counts_units_and_not_layers() -> None:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        crowded = np.arange(found["saturated"].shape[1]) == 0
        left = np.where(crowded, 0.0, 1.0)
        desaturated = np.where(np.isnan(found["desaturated"]), np.nan, left)
        return {"saturated": np.where(crowded, 0.99, 0.01), "desaturated": desaturated}

    # depth 2: one unit in a hundred of those saturated leaves
    assert entry("C9", study(depths=(2,), layers=change))["effect"] == pytest.approx(1.0, rel=1e-5)


def _dead(**fractions: float) -> Any:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        mean = fractions[factors["activation"]]
        return {"dead": max(mean * (1 + 0.3 * rng_of(factors).standard_normal()), 0)}

    return change


_RATES = [0.003, 0.01, 0.03, 0.1, 0.3]


def test_dead_units_and_learning_rate() -> None:
    tables = study(layers=_dead(relu=0.1, sigmoid=0.0))
    rising = tuning_of(tables, _RATES, lambda rate, seed: rate + 0.001 * (seed - 1000))
    found = entry("C10", tables | {"tuning": rising})
    assert found["verdict"] == "supported"
    assert found["effect"] > 0.9
    assert "at lr 0.003" in found["evidence"] and "at lr 0.3" in found["evidence"]
    falling = tuning_of(tables, _RATES, lambda rate, seed: 1 - rate)
    assert verdict("C10", tables | {"tuning": falling}) == "refuted"
    unrelated = tuning_of(tables, _RATES, lambda rate, seed: 0.1)
    assert verdict("C10", tables | {"tuning": unrelated}) == "inconclusive"
    alive = study(layers=_dead(relu=0.0, sigmoid=0.0))
    assert verdict("C10", alive | {"tuning": unrelated}) == "refuted"
    missing = entry("C10", tables)
    assert missing["verdict"] == "not tested"
    assert "`python src/tune.py experiment=digits" in missing["evidence"]


def test_dead_units_and_learning_rates_of_the_study_itself() -> None:
    tables = study(axes=[{"lr": rate} for rate in _RATES], layers=lambda f, found: {"dead": f["lr"]})
    assert verdict("C10", tables) == "supported"


def _leaky(dead: float, difference: float, spread: float = 0.004, seeds: int = 30) -> dict[str, Any]:
    def accuracy(factors: Mapping[str, Any]) -> float:
        return 0.9 + difference * (factors["activation"] == "leaky_relu") + spread * rng_of(factors).standard_normal()

    return study(("relu", "leaky_relu"), seeds=seeds, layers=_dead(relu=0.1, leaky_relu=dead), accuracy=accuracy)


def test_leaky_relu() -> None:
    supported = entry("C11", _leaky(0.0, 0.0))
    assert supported["verdict"] == "supported"
    assert (
        "0 of 60 leaky_relu runs end with a dead unit (upper one-sided 95% confidence bound: 4.9% of runs"
        in supported["evidence"]
    )
    assert verdict("C11", _leaky(0.0, 0.03)) == "supported"
    assert verdict("C11", _leaky(0.01, 0.0)) == "refuted"
    assert verdict("C11", _leaky(0.0, -0.03)) == "refuted"
    unclear = entry("C11", _leaky(0.0, -0.004, spread=0.05, seeds=10))
    assert unclear["verdict"] == "inconclusive"
    assert verdict("C11", study()) == "not tested"


def _rescue(failing: dict[str, int]) -> dict[str, Any]:
    """How many of ten runs fail at depth 4."""

    def outcome(factors: Mapping[str, Any]) -> str:
        fails = factors["depth"] == 4 and factors["seed"] < failing.get(factors["activation"], 0)
        return "at_chance" if fails else "learned"

    return study(("relu", "sigmoid", "rescaled_sigmoid", "centred_sigmoid"), outcome=outcome)


def test_rescue() -> None:
    supported = entry("C12", _rescue({"sigmoid": 10, "rescaled_sigmoid": 10}))
    assert supported["verdict"] == "supported"
    assert "centred_sigmoid learns in 1 of 1 such settings" in supported["evidence"]
    refuted = entry("C12", _rescue({"sigmoid": 10, "centred_sigmoid": 10}))
    assert refuted["verdict"] == "refuted"
    assert refuted["effect"] == -100
    assert "rescaled_sigmoid learns in 1 of 1 such settings" in refuted["evidence"]
    assert verdict("C12", _rescue({"sigmoid": 10, "rescaled_sigmoid": 6})) == "inconclusive"
    assert verdict("C12", _rescue({"sigmoid": 0})) == "not tested"
    assert verdict("C12", study(outcome=_sigmoid_fails_from_4)) == "not tested"


def test_rescue_looks_at_all_facets() -> None:
    def outcome(factors: Mapping[str, Any]) -> str:
        return "at_chance" if factors["activation"] == "sigmoid" and factors["init"] == "pytorch" else "learned"

    axes = [{"init": "critical"}, {"init": "pytorch"}]
    found = entry("C12", study(("sigmoid", "rescaled_sigmoid"), depths=(4,), axes=axes, outcome=outcome))
    assert found["verdict"] == "refuted"
    assert "depth 4 with init=pytorch" in found["evidence"]


def test_other_settings_that_rescue_are_told() -> None:
    def outcome(factors: Mapping[str, Any]) -> str:
        return "at_chance" if factors["activation"] == "sigmoid" and factors["norm"] == "none" else "learned"

    axes = [{"norm": "none"}, {"norm": "batch"}]
    found = entry("C12", study(("sigmoid", "rescaled_sigmoid"), depths=(4,), axes=axes, outcome=outcome))
    told = (
        "sigmoid itself, in other settings of these depths, learns (fails in 0 of 10 runs at depth 4 with norm=batch)"
    )
    assert told in found["evidence"]


def _gradient(slope: float, spread: float = 0.05, bend: float = 0.0) -> Any:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        layer = np.arange(factors["depth"])
        steep = slope + spread * rng_of(factors).standard_normal()
        return {"gradient": np.exp(steep * layer + bend * (-1.0) ** layer)[None]}

    return change


def test_shrinking_gradients() -> None:
    depths = (2, 4, 8)
    supported = entry("C13", study(depths=depths, layers=_gradient(1.0)))
    assert supported["verdict"] == "supported"
    assert supported["effect"] == pytest.approx(np.exp(-1), rel=0.05)
    assert supported["low"] < supported["effect"] < supported["high"]
    assert "theory" in supported["evidence"]
    assert verdict("C13", study(depths=depths, layers=_gradient(-0.2))) == "refuted"
    # falling, but not along a line
    assert verdict("C13", study(depths=depths, layers=_gradient(0.3, bend=1.5))) == "refuted"
    assert verdict("C13", study(depths=depths, seeds=2, layers=_gradient(0.1, spread=0.1))) == "inconclusive"
    assert verdict("C13", study(depths=(2,), layers=_gradient(1.0))) == "not tested"
    assert verdict("C13", study(depths=depths, level="off")) == "not tested"


def _updates(factor: float, spread: float = 0.1) -> Any:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        value = factor ** np.log2(factors["depth"]) * np.exp(spread * rng_of(factors).standard_normal())
        return {"update": np.where(np.isnan(found["update"]), np.nan, 0.01 * value)}

    return change


def test_updates() -> None:
    sgd = entry("C14", study(layers=_updates(0.1)))
    assert sgd["verdict"] == "supported"
    assert sgd["effect"] == pytest.approx(0.1, rel=0.1)
    assert "not measured with adam" in sgd["evidence"]
    both = [{"optimizer": "sgd"}, {"optimizer": "adam"}]
    assert "not measured" not in entry("C14", study(axes=both, layers=_updates(0.1)))["evidence"]
    assert verdict("C14", study(layers=_updates(3.0))) == "refuted"
    assert verdict("C14", study(layers=_updates(1.0, spread=0.02))) == "refuted"
    assert verdict("C14", study(layers=_updates(1.0, spread=1.0))) == "inconclusive"
    assert verdict("C14", study(depths=(4,), layers=_updates(0.1))) == "not tested"
    assert verdict("C14", study(level="off")) == "not tested"


def test_updates_with_adam_can_refute() -> None:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return _updates(0.1 if factors["optimizer"] == "sgd" else 1.0, spread=0.02)(factors, found)

    found = entry("C14", study(axes=[{"optimizer": "sgd"}, {"optimizer": "adam"}], layers=change))
    assert found["verdict"] == "refuted"


def test_implementation() -> None:
    tables = study(level="off")
    assert verdict("C15", tables) == "supported"
    functions = tables["functions"]
    assert verdict("C15", tables | {"functions": functions.assign(slope=functions["slope"] * 0.99)}) == "refuted"
    assert verdict("C15", tables | {"functions": functions[functions["activation"] != "relu"]}) == "not tested"
    # at the kink anything goes
    kink = functions.assign(slope=functions["slope"].where(functions["x"] != 0, 0.5))
    assert verdict("C15", tables | {"functions": kink}) == "supported"


def test_ratio_of_gradients() -> None:
    supported = entry("C16", study(layers=_gradient(0.1)))
    assert supported["verdict"] == "supported"
    assert 1 / 3 < supported["low"] < supported["effect"] < supported["high"] < 3
    assert verdict("C16", study(layers=_gradient(1.0))) == "refuted"
    assert verdict("C16", study(layers=_gradient(-1.0))) == "refuted"
    # ln 3 over one layer between, on the border
    assert verdict("C16", study(depths=(2,), layers=_gradient(np.log(3), spread=0.3))) == "inconclusive"
    assert verdict("C16", study(depths=(1,))) == "not tested"
    assert verdict("C16", study(level="off")) == "not tested"


def test_ratio_of_gradients_of_other_inits_is_told_beside() -> None:
    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        return _gradient(0.1 if factors["init"] == "critical" else 2.0)(factors, found)

    found = entry("C16", study(axes=[{"init": "pytorch"}, {"init": "critical"}], layers=change))
    assert found["verdict"] == "supported"
    assert "with init=pytorch it is outside at depths 2 and 4" in found["evidence"]


def test_accuracy() -> None:
    supported = entry("C17", study(level="off", accuracy=around(relu=0.95, sigmoid=0.85)))
    assert supported["verdict"] == "supported"
    assert supported["effect"] == pytest.approx(10, abs=1)
    assert supported["low"] < supported["effect"] < supported["high"]
    assert supported["n"] == 40
    assert (supported["comparison"], supported["depth"]) == ("relu - sigmoid", None)
    refuted = entry("C17", study(level="off", accuracy=around(relu=0.85, sigmoid=0.95)))
    assert refuted["verdict"] == "refuted"
    assert refuted["effect"] == pytest.approx(-10, abs=1.5)
    assert (refuted["n"], refuted["runs"]) == (20, 40)
    few = entry("C17", study(level="off", seeds=3, accuracy=around(relu=0.95, sigmoid=0.85)))
    assert few["verdict"] == "inconclusive"
    # 2 / C(10, 5) is below 0.05 / 2 and 2 / C(8, 4) is not
    assert "with about 5 seeds per arm" in few["evidence"]
    missing = entry("C17", study(("relu", "tanh"), level="off"))
    assert missing["verdict"] == "not tested"
    assert "activation=relu,tanh,sigmoid" in missing["evidence"]


def test_accuracy_is_refuted_by_equality() -> None:
    equal = study(seeds=30, level="off", accuracy=lambda f: 0.9 + 0.003 * rng_of(f).standard_normal())
    found = entry("C17", equal)
    assert found["verdict"] == "refuted"
    # p of the test of equality
    assert abs(found["effect"]) < 0.5 and found["p_adjusted"] < 0.05 and found["n"] == 60


def _curves(**middles: float) -> Any:
    def curve(factors: Mapping[str, Any]) -> Any:
        middle = middles[factors["activation"]] + 0.2 * rng_of(factors).standard_normal()
        return np.round(0.1 + 0.88 / (1 + np.exp(-(np.arange(1, 21) - middle))), 3).tolist()

    return curve


def test_convergence() -> None:
    supported = entry("C18", _study_of_curves(relu=4, sigmoid=12))
    assert supported["verdict"] == "supported"
    assert supported["evidence"].startswith("in steps, as seconds need timing.json: ")
    assert verdict("C18", _study_of_curves(relu=12, sigmoid=4)) == "refuted"
    assert verdict("C18", _study_of_curves(seeds=3, relu=4, sigmoid=5)) == "inconclusive"
    assert verdict("C18", study(("relu", "tanh"), level="off")) == "not tested"


def _study_of_curves(seeds: int = 10, **middles: float) -> dict[str, Any]:
    return study(axes=[{"epochs": 20}], level="off", seeds=seeds, curve=_curves(**middles))
