"""Studies that never took place, of which tests say what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthetic import make_record
from synthetic_layers import COLUMNS, functions_table, inspected, layers_table, theory_table
from whyrelu.claims.declaration import Claim, declared_thresholds, read_claims
from whyrelu.claims.evidence import make_evidence
from whyrelu.claims.ledger import Ledger, decide
from whyrelu.results.convergence import convergence_table, run_convergence_table
from whyrelu.results.tables import TableBuilder

CLAIMS = {claim.id: claim for claim in read_claims()}
OVERRIDES = ["experiment=digits", "activation=relu,sigmoid", "depth=2,4"]

# What is changed in the layers of a record: it gets the factors and a table (epochs, layers) of every quantity.
Change = Callable[[Mapping[str, Any], dict[str, np.ndarray]], Mapping[str, Any]]
Tables = dict[str, Any]


def rng_of(factors: Mapping[str, Any]) -> np.random.Generator:
    """A generator for a run, the same every time."""
    name = f"{factors['activation']}{factors['depth']}{factors['init']}{factors['norm']}{factors['optimizer']}"
    return np.random.default_rng([factors["seed"], *name.encode()])


def study(
    activations: Sequence[str] = ("relu", "sigmoid"),
    depths: Sequence[int] = (2, 4),
    seeds: int = 10,
    level: str = "full",
    axes: Sequence[Mapping[str, Any]] = ({},),
    outcome: Callable[[Mapping[str, Any]], str] = lambda factors: "learned",
    layers: Change | None = None,
    accuracy: Callable[[Mapping[str, Any]], float] | None = None,
    curve: Callable[[Mapping[str, Any]], Iterable[float]] | None = None,
) -> Tables:
    """Tables of a study.

    Args:
        activations: of the grid.
        depths: of the grid.
        seeds: of every cell.
        level: of the diagnostics.
        axes: further factors of each facet.
        outcome: of a run, from its factors: learned, at_chance or diverged.
        layers: what was measured in them, if not what synthetic_layers says.
        accuracy: test accuracy of a run, from its factors.
        curve: validation accuracy by epoch.
    """

    def change(record: dict[str, Any], table: np.ndarray) -> np.ndarray:
        if layers is None:
            return table
        quantities = {name: table[:, :, i] for i, name in enumerate(COLUMNS)}
        changed = {**quantities, **layers(record["factors"], quantities)}
        return np.stack([np.broadcast_to(changed[name], table.shape[:2]) for name in COLUMNS], axis=2)

    builder, inside, factors = TableBuilder(), [], []
    for facet in axes:
        for activation in activations:
            for depth in depths:
                for seed in range(seeds):
                    named = {"activation": activation, "depth": depth, "seed": seed, **facet}
                    usual = make_record(**named, outcome="learned")
                    record = make_record(**named, outcome=outcome(usual["factors"]))
                    if accuracy is not None:
                        record["metrics"]["test_accuracy"] = float(np.clip(accuracy(record["factors"]), 0, 1))
                    if curve is not None:
                        record["history"]["val_accuracy"] = list(curve(record["factors"]))
                    inside.append(inspected(record, level, change))
                    builder.add(inside[-1][0])
                    factors.append(record["factors"])
    tables = builder.tables()
    data = {"digits": 10}
    thresholds = {name: declared_thresholds(list(CLAIMS.values()), name) for name in data}
    return {
        "runs": tables.runs,
        "layers": layers_table(tables.runs, inside),
        "theory": theory_table(factors),
        "functions": functions_table(factors),
        "convergence": convergence_table(tables.runs, tables.history, thresholds),
        "run_convergence": run_convergence_table(tables.runs, tables.history, data),
        "tuning": None,
        "timing": None,
        "overrides": OVERRIDES,
        "common": tables.common,
    }


def ledger(tables: Tables, *claims: Claim) -> Ledger:
    """The ledger of a study; all claims of conf/claims by default."""
    return decide(claims or list(CLAIMS.values()), make_evidence(**tables))


def entry(claim: str, tables: Tables) -> dict[str, Any]:
    """What one claim comes out as."""
    return ledger(tables, CLAIMS[claim]).entries[0]


def verdict(claim: str, tables: Tables) -> str:
    """The verdict on one claim."""
    return str(entry(claim, tables)["verdict"])


def around(**means: float) -> Callable[[Mapping[str, Any]], float]:
    """Accuracies scattered by a point around a mean for each activation."""
    return lambda factors: means[factors["activation"]] + 0.01 * rng_of(factors).standard_normal()


def tuning_of(tables: Tables, rates: Sequence[float], dead: Callable[[float, int], float]) -> pd.DataFrame:
    """tuning.parquet with two runs per cell and rate, whose dead fraction is `dead(rate, seed)`."""
    cells = tables["runs"][tables["runs"]["seed"] < 2]
    parts = [cells.assign(seed=cells["seed"] + 1000, lr=rate) for rate in rates]
    table = pd.concat(parts, ignore_index=True)
    table["dead_end"] = [dead(rate, seed) for rate, seed in zip(table["lr"], table["seed"], strict=True)]
    return table
