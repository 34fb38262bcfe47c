"""Each claim is supported, refuted, inconclusive and not tested, and what decides is shown, by conf/claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from claims.studies import CLAIMS, Tables, around, entry, ledger, study
from claims.worlds import (
    RATES,
    constant,
    curves,
    dead,
    factorial,
    failing,
    gradients,
    leaky,
    noise,
    recovering,
    rescued,
    saturated,
    updates,
    without,
)
from whyrelu.claims.evidence import make_evidence

YES, NO, OPEN, UNTESTED = "supported", "refuted", "inconclusive", "not tested"
FAILS = {("sigmoid", 4): 10}
BOTH = {2: 0.01, 4: 0.01}


def rising(rate: float, seed: int) -> float:
    return rate + 0.001 * (seed - 1000)


def changed(table: str, **columns: Any) -> Tables:
    tables = study(level="off")
    return tables | {table: tables[table].assign(**columns)}


def lower_at_depth_4_at_init() -> Tables:
    tables = saturated(0.5, 0.5, 0.5)
    lower = tables["runs"].query("depth == 4 and activation == 'sigmoid'")["run_id"]
    layers = tables["layers"]
    layers.loc[layers["run_id"].isin(lower) & (layers["epoch"] == 0), "saturated"] = np.float32(0.1)
    return tables


def better(relu: float, sigmoid: float, seeds: int = 10) -> Tables:
    return study(level="off", seeds=seeds, accuracy=around(relu=relu, sigmoid=sigmoid))


def better_at_one_depth_and_worse_at_the_other(factors: Mapping[str, Any]) -> float:
    return 0.5 + (0.3 if factors["depth"] == 2 else -0.1) * (factors["activation"] == "relu") + 0.001 * factors["seed"]


def never_at_depth_4() -> Tables:
    tables = curves(relu=4, sigmoid=12)
    slow = tables["runs"].query("activation == 'relu' and depth == 4")["run_id"]
    area, convergence = tables["run_convergence"], tables["convergence"]
    convergence.loc[convergence["run_id"].isin(slow), "reached"] = False
    return tables | {"run_convergence": area.assign(area=area["area"].where(~area["run_id"].isin(slow), 0.1))}


def larger_area_only() -> Tables:
    tables = curves(relu=4, sigmoid=4, spread=0.0)
    area = tables["run_convergence"]
    relu = area["run_id"].isin(tables["runs"].query("activation == 'relu'")["run_id"])
    scattered = 0.001 * np.arange(len(area)) / len(area)
    return tables | {"run_convergence": area.assign(area=area["area"] + 0.1 * relu + scattered)}


def crowded() -> Tables:
    """One layer has nearly all saturated units, and none of them leaves; those of the other all do."""

    def change(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        first = np.arange(found["saturated"].shape[1]) == 0
        left = np.where(np.isnan(found["desaturated"]), np.nan, np.where(first, 0.0, 1.0))
        return {"saturated": np.where(first, 0.99, 0.01), "desaturated": left}

    return study(depths=(2,), layers=change)


def equal(factors: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
    return {"saturated": 0.3 + 0.001 * noise(factors)}


# A claim, a study and what it comes to: its verdict, and some of its numbers.
CASES: list[tuple[str, Callable[[], Tables], str, dict[str, Any]]] = [
    ("C1", lambda: failing(FAILS), YES, {"effect": 100, "comparison": "sigmoid - relu", "n": 20, "runs": 40}),
    ("C1", lambda: failing({}), NO, {"effect": 0, "comparison": "sigmoid", "n": 10, "runs": 40}),
    ("C1", lambda: failing({**FAILS, ("relu", 4): 10}), NO, {"effect": 100, "comparison": "relu"}),
    ("C1", lambda: failing({**FAILS, ("relu", 4): 3}), OPEN, {"effect": 30, "comparison": "relu"}),
    ("C1", lambda: failing({("sigmoid", 4): 6}), OPEN, {"effect": 60, "comparison": "sigmoid"}),
    ("C1", lambda: failing({**FAILS, ("sigmoid", 2): 10}), OPEN, {"comparison": "sigmoid: depth 4 - depth 2"}),
    ("C1", lambda: failing({("sigmoid", 4): 3}, seeds=3), OPEN, {}),
    ("C1", lambda: failing({}, depths=(4,)), UNTESTED, {}),
    # means 0.6, 0.6, 0.4 and 0.6: a third each for activation, norm and their interaction
    ("C2", lambda: factorial(0.2, 0.01), YES, {"effect": 33.3, "comparison": "all interactions", "n": 48}),
    ("C2", lambda: factorial(0.0, 0.005), NO, {}),
    # activation x norm x depth makes half of the variance, and is none among activation, init and norm
    ("C2", lambda: factorial(0.0, 0.01, deeper=0.1, depths=(4, 8)), NO, {"effect": 0}),
    # so much noise that interactions explain a good part of the variance by chance
    ("C2", lambda: factorial(0.0, 0.3, seeds=3), OPEN, {}),
    ("C2", lambda: factorial(0.2, 0.01, seeds=1), UNTESTED, {}),
    ("C2", lambda: study(level="off"), UNTESTED, {}),
    ("C7", lambda: saturated(0.5, 0.5, 0.5), YES, {}),
    ("C7", lambda: saturated(0.1, 0.1, 0.1), NO, {"effect": -20, "quantity": "saturated units at init"}),
    ("C7", lambda: study(layers=equal), NO, {}),
    # more at init and at the very end, and less in between
    ("C7", lambda: saturated(0.5, 0.1, 0.5), NO, {"effect": -10, "quantity": "saturated units through training"}),
    ("C7", lower_at_depth_4_at_init, NO, {"effect": -20, "depth": 4, "n": 20, "runs": 40}),
    ("C7", lambda: saturated(0.305, 0.305, 0.305, seeds=3), OPEN, {}),
    # far apart, but with three seeds nothing is significant
    ("C7", lambda: saturated(0.9, 0.9, 0.9, seeds=3), OPEN, {}),
    # the last epoch alone is not training, and init alone can refute
    ("C7", lambda: saturated(0.5, 0.5, 0.5, level="summary"), UNTESTED, {}),
    ("C7", lambda: saturated(0.1, 0.5, 0.5, level="summary"), NO, {"quantity": "saturated units at init"}),
    ("C7", lambda: saturated(0.5, 0.5, 0.5, level="summary", axes=[{"epochs": 1}]), YES, {}),
    ("C7", lambda: study(level="off"), UNTESTED, {}),
    ("C8", lambda: study(level="off"), YES, {"effect": 8.714}),
    ("C8", lambda: changed("functions", active_high=np.inf, active_width=np.inf), NO, {"effect": None}),
    ("C8", lambda: study(("relu", "tanh"), level="off"), UNTESTED, {}),
    ("C9", lambda: recovering(BOTH, {2: 0.003, 4: 0.003}), YES, {"effect": 1, "n": 10, "runs": 20}),
    ("C9", lambda: recovering({2: 0.3, 4: 0.3}, {2: 0.01, 4: 0.01}), NO, {"effect": 30}),
    # surely at depth 2, and more but with more spread at depth 4
    ("C9", lambda: recovering({2: 0.1, 4: 0.12}, {2: 0.005, 4: 0.2}), NO, {"effect": 10, "depth": 2}),
    ("C9", lambda: recovering({2: 0.05, 4: 0.05}, {2: 0.04, 4: 0.04}), OPEN, {}),
    ("C9", lambda: recovering(BOTH, BOTH, saturated=0.0), OPEN, {}),
    # units are counted and not layers: one in a hundred of those saturated leaves
    ("C9", crowded, YES, {"effect": 1.0}),
    ("C9", lambda: recovering(BOTH, BOTH, level="summary"), UNTESTED, {}),
    ("C10", lambda: dead(0.1, 0.1, rates=rising), YES, {"effect": 1}),
    ("C10", lambda: dead(0.1, 0.1, rates=lambda rate, seed: 1 - rising(rate, seed)), NO, {"effect": -1}),
    ("C10", lambda: dead(0.1, 0.1, rates=lambda rate, seed: 0.1), OPEN, {}),
    ("C10", lambda: dead(0.0, 0.0, rates=rising), NO, {"effect": 0, "quantity": "dead units at the end"}),
    ("C10", lambda: dead(0.0, 0.0, seeds=2, rates=rising), OPEN, {}),
    ("C10", lambda: dead(0.1, 0.1), UNTESTED, {}),
    ("C10", lambda: study(axes=[{"lr": rate} for rate in RATES], layers=lambda f, found: {"dead": f["lr"]}), YES, {}),
    ("C11", lambda: leaky({2: 0.0, 4: 0.0}, 0.004, 30), YES, {}),
    ("C11", lambda: leaky({2: 0.03, 4: 0.03}, 0.004, 30), YES, {}),
    # neither better nor equal within half a point is shown, and that it is no more than that below is
    ("C11", lambda: leaky({2: 0.01}, 0.02, 40), YES, {"effect": 1.0}),
    ("C11", lambda: leaky({2: 0.0, 4: 0.0}, 0.004, 20, dead=0.01), NO, {"effect": 100, "comparison": "leaky_relu"}),
    ("C11", lambda: leaky({2: 0.0, 4: -0.1}, 0.004, 20), NO, {"effect": -10, "depth": 4}),
    ("C11", lambda: leaky({2: 0.0}, 0.02, 10), OPEN, {}),
    ("C11", lambda: study(), UNTESTED, {}),
    ("C12", lambda: rescued({"sigmoid": 10, "rescaled_sigmoid": 10}), YES, {"effect": 100, "n": 10}),
    ("C12", lambda: rescued({"sigmoid": 10, "centred_sigmoid": 10}), NO, {"effect": -100, "n": 20, "depth": 4}),
    # both arms learn alike: equal effects, of which one decides
    ("C12", lambda: rescued({"sigmoid": 10}), NO, {"comparison": "rescaled_sigmoid - sigmoid"}),
    ("C12", lambda: rescued({"sigmoid": 10, "rescaled_sigmoid": 6}), OPEN, {}),
    ("C12", lambda: rescued({}), UNTESTED, {}),
    ("C12", lambda: failing(FAILS), UNTESTED, {}),
    ("C13", lambda: gradients(1.0, depths=(2, 4, 8)), YES, {"effect": np.exp(-1)}),
    ("C13", lambda: gradients(-0.5, depths=(4, 8)), NO, {"effect": np.exp(0.5), "unit": "factor per layer"}),
    # falling, but not along a line
    ("C13", lambda: gradients(0.3, bend=1.5, depths=(8,)), NO, {"unit": "R^2"}),
    # lines go through what did not underflow
    ("C13", lambda: gradients(1.0, zeros=3, depths=(8,)), YES, {"effect": np.exp(-1)}),
    ("C13", lambda: gradients(0.1, spread=0.1, seeds=2, depths=(2, 4, 8)), OPEN, {}),
    ("C13", lambda: study(depths=(8,), layers=constant(gradient=0.0)), OPEN, {}),
    ("C13", lambda: gradients(1.0, depths=(2,)), UNTESTED, {}),
    ("C13", lambda: study(level="off"), UNTESTED, {}),
    ("C14", lambda: updates({"sgd": 0.1}), YES, {"effect": 0.1}),
    ("C14", lambda: updates({"sgd": 3.0}), NO, {}),
    ("C14", lambda: updates({"sgd": 1.0}), NO, {}),
    ("C14", lambda: updates({"sgd": 1.0}, spread=1.0), OPEN, {}),
    ("C14", lambda: updates({"sgd": 0.1, "adam": 1.0}), NO, {"effect": 1, "comparison": "sigmoid, optimizer=adam"}),
    # of two falls the less certain is shown
    ("C14", lambda: updates({"sgd": 0.7, "adam": 0.1}), YES, {"comparison": "sigmoid, optimizer=sgd"}),
    ("C14", lambda: updates({"sgd": 0.1}, depths=(4,)), UNTESTED, {}),
    ("C14", lambda: study(level="off"), UNTESTED, {}),
    ("C15", lambda: study(level="off"), YES, {}),
    ("C15", lambda: changed("functions", slope=lambda table: table["slope"] * 0.99), NO, {}),
    # at the kink anything goes
    ("C15", lambda: changed("functions", slope=lambda table: table["slope"].where(table["x"] != 0, 0.5)), YES, {}),
    ("C15", lambda: study(("sigmoid", "tanh"), level="off"), UNTESTED, {}),
    ("C16", lambda: gradients(0.1), YES, {}),
    ("C16", lambda: gradients(1.0, spread=0.02, depths=(2, 8)), NO, {"effect": np.exp(-7), "depth": 8}),
    ("C16", lambda: gradients(-1.0), NO, {}),
    # a first gradient of zero counts with the smallest one measured
    ("C16", lambda: gradients(1.0, zeros=1, depths=(8,)), NO, {"n": 10}),
    # ln 3 over one layer between, on the border
    ("C16", lambda: gradients(np.log(3), spread=0.3, depths=(2,)), OPEN, {}),
    ("C16", lambda: study(seeds=2, depths=(8,), layers=constant(gradient=0.5)), OPEN, {}),
    ("C16", lambda: study(depths=(8,), layers=constant(gradient=0.0)), OPEN, {}),
    ("C16", lambda: study(depths=(1,)), UNTESTED, {}),
    ("C17", lambda: better(0.95, 0.85), YES, {"effect": 10, "comparison": "relu - sigmoid", "depth": None, "n": 40}),
    ("C17", lambda: better(0.85, 0.95), NO, {"effect": -10, "n": 20, "runs": 40}),
    ("C17", lambda: study(level="off", accuracy=better_at_one_depth_and_worse_at_the_other), NO, {"depth": 4}),
    ("C17", lambda: study(seeds=30, level="off", accuracy=lambda f: 0.9 + 0.003 * noise(f)), NO, {"n": 60}),
    ("C17", lambda: better(0.95, 0.85, seeds=3), OPEN, {}),
    ("C17", lambda: study(("relu", "tanh"), level="off"), UNTESTED, {}),
    ("C18", lambda: curves(relu=4, sigmoid=12), YES, {}),
    ("C18", lambda: curves(relu=12, sigmoid=4), NO, {}),
    ("C18", never_at_depth_4, NO, {"depth": 4, "quantity": "area under the validation curve", "n": 20}),
    ("C18", larger_area_only, OPEN, {"unit": "steps", "effect": 0}),
    ("C18", lambda: curves(relu=4, sigmoid=5, seeds=3), OPEN, {}),
    ("C18", lambda: study(("relu", "tanh"), level="off"), UNTESTED, {}),
]


@pytest.mark.parametrize(
    ("claim", "tables", "verdict", "numbers"), CASES, ids=[f"{case[0]}-{case[2]}" for case in CASES]
)
def test_verdict(claim: str, tables: Callable[[], Tables], verdict: str, numbers: dict[str, Any]) -> None:
    found = entry(claim, tables())
    assert found["verdict"] == verdict
    for name, value in numbers.items():
        assert found[name] == (value if value is None or isinstance(value, str) else pytest.approx(value, abs=1.5))


def test_every_claim_has_each_verdict() -> None:
    found = {claim: {case[2] for case in CASES if case[0] == claim} for claim in CLAIMS}
    timed = {"C3", "C4", "C5", "C6"}
    lacking = {claim: {YES, NO, OPEN, UNTESTED} - verdicts for claim, verdicts in found.items() if claim not in timed}
    assert {claim: verdicts for claim, verdicts in lacking.items() if verdicts} == {"C8": {OPEN}, "C15": {OPEN}}


# what a single study with its verdict does not show


def test_rescue_looks_at_all_facets_and_needs_all_arms() -> None:
    def outcome(factors: Mapping[str, Any]) -> str:
        return "at_chance" if factors["activation"] == "sigmoid" and factors["init"] == "pytorch" else "learned"

    axes = [{"init": "critical"}, {"init": "pytorch"}]
    found = entry("C12", study(("sigmoid", "rescaled_sigmoid"), depths=(4,), axes=axes, outcome=outcome))
    assert (found["verdict"], found["facet"]) == (NO, "init=pytorch")
    fails = {(name, depth): 10 for name in ("sigmoid", "rescaled_sigmoid") for depth in (4, 8)}
    arms = failing(fails, activations=("sigmoid", "rescaled_sigmoid", "centred_sigmoid"), depths=(4, 8))
    assert entry("C12", arms)["verdict"] == YES
    assert entry("C12", without(arms, "activation == 'rescaled_sigmoid' and depth == 8"))["verdict"] == OPEN


@pytest.mark.parametrize(
    ("claim", "tables"),
    [
        ("C10", lambda: dead(0.1, 0.1, rates=rising)),
        ("C7", lambda: saturated(0.5, 0.5, 0.5)),
    ],
)
def test_runs_without_a_number_are_left_out_of_n(claim: str, tables: Callable[[], Tables]) -> None:
    whole = tables()
    gone = whole["runs"]["seed"] < 3
    layers = whole["layers"]
    lost = layers["run_id"].isin(whole["runs"]["run_id"][gone])
    whole["runs"].loc[gone, "status"] = "diverged"
    whole["runs"].loc[gone, ["dead_init", "dead_end"]] = np.nan
    layers.loc[lost, ["saturated", "dead"]] = np.nan
    found = ledger(whole, CLAIMS[claim]).contrasts
    counted = found[found["quantity"].str.contains("at the end|at init|through training") & found["depth"].notna()]
    assert len(counted) and (counted["n_first"] == 7).all()


def test_runs_that_diverge_at_once_are_followed_to_the_end() -> None:
    # half of the runs of relu stop in the first epochs; those of sigmoid reach every threshold, late
    tables = curves(relu=4, sigmoid=12)
    runs, convergence = tables["runs"], tables["convergence"]
    stopped = (runs["activation"] == "relu") & (runs["seed"] < 5)
    never = convergence["run_id"].isin(runs["run_id"][stopped])
    runs.loc[stopped, "status"] = "diverged"
    convergence.loc[never, "step"] = 19
    convergence.loc[never, "reached"] = False
    rows = ledger(tables, CLAIMS["C18"]).contrasts
    saved = rows[(rows["quantity"] == "steps to a validation accuracy of 0.5") & (rows["depth"] == 2)]["effect"].item()
    # steps 95 and 380 against 247: to censor the half that stopped at step 19 would save 150
    assert abs(saved) == pytest.approx(abs(247 - (95 + 380) / 2), abs=20)


def test_of_several_rates_that_of_the_reference_stands_beside_it() -> None:
    axes = [{"lr": rate, "init": init} for rate in (0.1, 0.01) for init in ("critical", "he")]
    evidence = make_evidence(**study(seeds=2, axes=axes))
    assert evidence.siblings("init") == {"critical": "init=critical, lr=0.01", "he": "init=he, lr=0.01"}
    assert evidence.siblings("norm") == {"none": "init=critical, lr=0.01"}
