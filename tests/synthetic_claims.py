"""Claims that nobody decided and learning rates that nobody tuned, for tests of the page that shows them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synthetic import make_record
from whyrelu.files import write_json
from whyrelu.results.columns import CONTRAST_COLUMNS, TUNING_COLUMNS
from whyrelu.results.files import write_csv, write_table
from whyrelu.results.tables import build_tables
from whyrelu.tuning.selection import choose

FIRST_TUNING_SEED = 1000


def claim(id: str = "C1", verdict: str = "supported", **changed: Any) -> dict[str, Any]:
    """An entry of claims.json."""
    entry = {
        "id": id,
        "claim": f"What the article says as {id}.",
        "hypothesis": f"What {id} comes to.",
        "verdict": verdict,
        "effect": 12.34,
        "unit": "points",
        "low": 10.0,
        "high": 15.0,
        "n": 20,
        "p": 0.01,
        "p_adjusted": 0.02,
        "evidence": f"so it is with {id}",
        "figure": None,
        "rule": f"The rule of {id}.",
        "runs": None,
        "comparison": "relu - sigmoid",
        "quantity": "test accuracy",
        "depth": 4,
        "facet": "",
    }
    if verdict == "not tested":
        numbers = ("effect", "unit", "low", "high", "n", "p", "p_adjusted")
        entry |= dict.fromkeys((*numbers, "comparison", "quantity", "depth", "facet"))
        entry["evidence"] = f"needs what {id} lacks: `dvc exp run -S study=other`"
    return entry | changed


def contrast(comparison: str, depth: int | None, effect: float, outcome: str, **changed: Any) -> dict[str, Any]:
    """A row of contrasts.parquet on test accuracies."""
    row: dict[str, Any] = dict.fromkeys(CONTRAST_COLUMNS) | {
        "claim": "C17",
        "facet": "",
        "comparison": comparison,
        "depth": depth,
        "quantity": "test accuracy",
        "effect": effect,
        "unit": "points",
        "low": effect - 1,
        "high": effect + 2,
        "n_first": 10,
        "n_second": 10,
        "p": 0.001,
        "p_adjusted": 0.004,
        "superiority": 0.9,
        "superiority_low": 0.8,
        "superiority_high": 1.0,
        "outcome": outcome,
    }
    return row | changed


def write_ledger(
    directory: Path,
    claims: Sequence[Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]] = (),
    shares: pd.DataFrame | None = None,
) -> None:
    """Put claims into the tables of a study.

    Args:
        directory: results/<study>.
        claims: as `claim` makes them.
        contrasts: as `contrast` makes them.
        shares: shares.parquet, as it is by default.
    """
    write_json([dict(entry) for entry in claims], directory / "claims.json")
    data = {name: pd.Series([row[name] for row in contrasts], dtype=kind) for name, kind in CONTRAST_COLUMNS.items()}
    write_table(pd.DataFrame(data), directory / "contrasts.parquet")
    if shares is not None:
        write_table(shares, directory / "shares.parquet")


def write_tuning(
    records: Sequence[Mapping[str, Any]],
    directory: Path,
    rates: Sequence[float] = (0.01, 0.05, 0.25),
    seeds: int = 2,
    accuracy: Callable[[Mapping[str, Any]], float] | None = None,
) -> None:
    """Write the tuning of the cells of some records.

    Args:
        records: of the study.
        directory: results/<study>.
        rates: that each cell tried.
        seeds: of each rate.
        accuracy: on the validation and test images, from the factors of a run; by default best at a rate of 0.05.
    """
    reached = accuracy or (lambda factors: 0.9 if factors["lr"] == 0.05 else 0.5)
    runs, own = [], {}
    for factors in {_cell(record["factors"]): record["factors"] for record in records}.values():
        for rate in rates:
            for seed in range(seeds):
                changed = {k: v for k, v in factors.items() if k not in ("activation", "depth", "seed", "study", "lr")}
                named = {"activation": factors["activation"], "depth": factors["depth"]}
                run = make_record(**named, seed=FIRST_TUNING_SEED + seed, outcome="learned", lr=rate, **changed)
                value = float(reached(run["factors"]))
                run["metrics"] |= {"val_accuracy": value, "test_accuracy": value}
                runs.append(run)
                own[run["run_id"]] = _cell(factors), _cell(factors, "activation"), run["metrics"]["val_loss"]
    table = build_tables(runs).runs
    columns = pd.DataFrame([own[run_id] for run_id in table["run_id"]], columns=list(TUNING_COLUMNS))
    tuning = table.join(columns.astype(TUNING_COLUMNS))
    middle = math.sqrt(min(rates) * max(rates))
    write_table(tuning, directory / "tuning.parquet")
    write_csv(choose(tuning, dict.fromkeys(tuning["cell"], middle)), directory / "lr.csv")


def _cell(factors: Mapping[str, Any], *apart: str) -> str:
    told = sorted((name, value) for name, value in factors.items() if name not in ("lr", "seed", *apart))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
