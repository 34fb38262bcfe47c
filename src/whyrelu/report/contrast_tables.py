"""The tests that verdicts rest on, a table per claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from whyrelu.claims.words import number as significant
from whyrelu.report.grid import Grid
from whyrelu.report.study import Study
from whyrelu.report.text import MISSING, estimate, plural, probability


def contrast_grids(study: Study) -> list[tuple[str, str, Grid]]:
    """Claim, how many tests it has, and the table of them; claims without tests are left out."""
    found = []
    for claim in study.claims:
        rows = study.contrasts[study.contrasts["claim"] == claim["id"]]
        if not rows.empty:
            found.append((str(claim["id"]), plural(len(rows), "test"), _grid(rows)))
    return found


def _grid(tests: pd.DataFrame) -> Grid:
    """The columns in which any test has something to say."""
    texts: dict[str, Iterable[str]] = {
        "setting": tests["facet"] if tests["facet"].nunique() > 1 else [""] * len(tests),
        "comparison": tests["comparison"],
        "quantity": tests["quantity"],
        "depth": tests["depth"].map(lambda depth: "all" if pd.isna(depth) else str(depth)),
        "effect [95% interval]": _texts(
            tests, lambda row: estimate(row["effect"], row["low"], row["high"], row["unit"])
        ),
        "n": _texts(tests, lambda row: " + ".join(str(n) for n in (row["n_first"], row["n_second"]) if not pd.isna(n))),
        "p": tests["p"].map(probability),
        "adjusted p": tests["p_adjusted"].map(probability),
        "p equal": tests["p_equality"].map(probability),
        "adjusted p equal": tests["p_equality_adjusted"].map(probability),
        "Hedges g": tests["hedges_g"].map(lambda g: MISSING if pd.isna(g) else significant(g)),
        "P(first > second)": _texts(tests, _superiority),
        "outcome": tests["outcome"],
        "seeds needed": tests["seeds_needed"].map(lambda n: MISSING if pd.isna(n) else str(n)),
    }
    columns = {name: list(column) for name, column in texts.items()}
    shown = {name: column for name, column in columns.items() if not set(column) <= {"", MISSING}}
    names = sum(name in shown for name in ("setting", "comparison", "quantity"))
    return Grid(list(shown), names, [[text or MISSING for text in row] for row in zip(*shown.values(), strict=True)])


def _texts(tests: pd.DataFrame, say: Callable[[Mapping[Any, Any]], str]) -> list[str]:
    return [say(row) for row in tests.to_dict("records")]


def _superiority(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["superiority"]):
        return MISSING
    interval = (
        "" if pd.isna(row["superiority_low"]) else f" [{row['superiority_low']:.2f}, {row['superiority_high']:.2f}]"
    )
    return f"{row['superiority']:.2f}{interval}"
