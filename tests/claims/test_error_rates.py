"""How often whole rules find something where there is nothing to be found, in simulated studies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from claims.studies import CLAIMS, Tables, study
from whyrelu.claims.comparison import against_bound
from whyrelu.claims.evidence import make_evidence
from whyrelu.claims.ledger import decide

SCORES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(1, 0.3, size),
    "heavy tails": lambda rng, size: 1 + 0.3 * rng.standard_t(3, size),
    # fractions of units, close to zero in most runs: skewness 0.9
    "squeezed": lambda rng, size: 3 * rng.beta(5, 10, size),
}


@pytest.mark.soak
@pytest.mark.parametrize("n", [5, 10])
@pytest.mark.parametrize("scores", SCORES)
def test_level_of_a_mean_against_a_bound(scores: str, n: int) -> None:
    """From 8 runs on the interval is bootstrapped, which takes longer."""
    studies = 1000 if n < 8 else 300
    values = SCORES[scores](np.random.default_rng(0), (studies, n))
    outcomes = []
    for i, row in enumerate(values):
        test = against_bound(row, 1.0, 0.05, comparison="a", quantity=str(i), unit="b")
        assert test.decide is not None
        outcomes.append(test.decide(test.p, math.nan))
    wrong = np.mean([outcome != "inconclusive" for outcome in outcomes])
    print(f"a mean at the bound is on a side of it in {wrong:.1%} of studies, {scores}, n = {n}")
    # 5% and two Monte Carlo errors, which are 0.7% and 1.3%
    assert wrong <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


def failing(tables: Tables, shares: dict[tuple[str, int], float], rng: np.random.Generator) -> str:
    """The verdict on C1 of a study in which runs fail with these probabilities."""
    runs = tables["runs"]
    chance = pd.Series([shares[pair] for pair in zip(runs["activation"], runs["depth"], strict=True)])
    runs = runs.assign(at_chance=(rng.random(len(runs)) < chance).astype("boolean"))
    return str(decide([CLAIMS["C1"]], make_evidence(**tables | {"runs": runs})).entries[0]["verdict"])


@pytest.mark.soak
def test_false_positives_of_the_rule_of_trainability() -> None:
    """Sigmoid fails as relu does, at every depth."""
    tables, rng = study(depths=(2, 4), seeds=10, level="off"), np.random.default_rng(0)
    shares = {(name, depth): 0.5 for name in ("relu", "sigmoid") for depth in (2, 4)}
    supported = np.mean([failing(tables, shares, rng) == "supported" for _ in range(50)])
    print(f"C1 is supported in {supported:.1%} of studies in which half of all runs fail")
    assert supported <= 0.05


@pytest.mark.soak
def test_power_of_the_rule_of_trainability() -> None:
    tables, rng = study(depths=(2, 4), seeds=10, level="off"), np.random.default_rng(0)
    shares = {("relu", 2): 0.0, ("relu", 4): 0.0, ("sigmoid", 2): 0.0, ("sigmoid", 4): 0.95}
    supported = np.mean([failing(tables, shares, rng) == "supported" for _ in range(50)])
    print(f"C1 is supported in {supported:.1%} of studies in which sigmoid fails in 95% of deep runs and relu in none")
    # that of nine or ten of ten, which is 91%
    assert supported >= 0.8


def converging(tables: Tables, rng: np.random.Generator) -> dict[str, Any]:
    """The verdict on C18 of a study in which all runs learn alike."""
    middles = rng.uniform(3, 20, len(tables["runs"]))
    order = tables["runs"]["run_id"]
    middle = pd.Series(middles, index=order)
    convergence = tables["convergence"]
    late = 3 * convergence["threshold"] + convergence["run_id"].map(middle)
    convergence = convergence.assign(step=(19 * late.clip(upper=20)).astype("int64"), reached=late < 20)
    area = tables["run_convergence"].assign(area=tables["run_convergence"]["run_id"].map(0.95 - middle / 25))
    evidence = make_evidence(**tables | {"convergence": convergence, "run_convergence": area})
    return decide([CLAIMS["C18"]], evidence).entries[0]


@pytest.mark.soak
def test_false_positives_of_the_rule_of_convergence() -> None:
    tables = study(depths=(2,), seeds=5, level="off", axes=[{"epochs": 20}])
    rng, studies = np.random.default_rng(0), 40
    verdicts = [converging(tables, rng)["verdict"] for _ in range(studies)]
    shares = {verdict: verdicts.count(verdict) / studies for verdict in ("supported", "refuted")}
    print(f"C18 where all learn alike: {shares}")
    assert shares["supported"] + shares["refuted"] <= 0.05
