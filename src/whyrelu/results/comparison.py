"""Whether two folders of results say the same, times aside.

timing.json holds times. What depends on it is marked: entries of claims.json and rows of contrasts.parquet that are
`timed`, and what metrics.json says of those claims. All else is the same byte for byte on the same kind of processor.

On another kind the last digits differ; a learning rate may then be chosen otherwise, and what is trained with it is
another sample. There the verdicts must be the same, and so must predictions within a thousandth.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.columns import CONTRAST_COLUMNS, LR_COLUMNS, THEORY_COLUMNS
from whyrelu.results.files import read_table

TIMING = "timing.json"
# Of predictions, which have no learning in them, but some iterate to a tolerance: 2e-4 was seen.
_TOLERANCE = 1e-3


class Comparison(NamedTuple):
    """What differs, in words, and one line on what was compared if nothing does."""

    differences: list[str]
    verdict: str


def compare(first: Path, second: Path) -> Comparison:
    """Compare results/<study> of two checkouts.

    Raises:
        UserError: a folder is missing, or a file that has to be looked into is damaged.
    """
    names = [_names(folder) for folder in (first, second)]
    found = [f"{name} is in {'the first' if name in names[0] else 'the second'} only" for name in names[0] ^ names[1]]
    facts = [read_json(folder / "provenance.json") for folder in (first, second)]
    if facts[0]["cpu"] != facts[1]["cpu"]:
        return Comparison(sorted(found + _unlike_elsewhere(first, second, facts)), _agreement(first, second))
    timed = _timed_claims(first) | _timed_claims(second)
    for name in sorted(names[0] & names[1]):
        paths = first / name, second / name
        if name == "claims.json":
            left, right = ({entry["id"]: entry for entry in read_json(path)} for path in paths)
            is_same = _same(left, right, timed)
        elif name == "metrics.json":
            left, right = (read_json(path) for path in paths)
            is_same = _same(left.pop("claims", {}), right.pop("claims", {}), timed) and left == right
        elif name == "contrasts.parquet":
            tables = [read_table(path, CONTRAST_COLUMNS) for path in paths]
            kept = [table[~table["timed"]].reset_index(drop=True) for table in tables]
            is_same = kept[0].equals(kept[1])
        else:
            is_same = paths[0].read_bytes() == paths[1].read_bytes()
        found += [] if is_same else [f"{name} differs"]
    return Comparison(sorted(found), "the same, times aside")


def _unlike_elsewhere(first: Path, second: Path, facts: list[dict[str, Any]]) -> list[str]:
    """What differs though the kind of processor is no reason."""
    keys = ("overrides", "runs", "data")
    found = [f"{key} of provenance.json differs" for key in keys if facts[0][key] != facts[1][key]]
    timed = _timed_claims(first) | _timed_claims(second)
    left, right = (
        {entry["id"]: str(entry["verdict"]) for entry in read_json(folder / "claims.json") if entry["id"] not in timed}
        for folder in (first, second)
    )
    claims = [claim for claim in left if left[claim] != right.get(claim)]
    found += [f"{claim} is {left[claim]} and {right.get(claim)}" for claim in claims]
    tables = [read_table(folder / "theory.parquet", THEORY_COLUMNS) for folder in (first, second)]
    for name in THEORY_COLUMNS:
        one, other = (table[name].to_numpy("float64") for table in tables)
        if len(one) != len(other) or not np.allclose(one, other, rtol=_TOLERANCE, atol=0, equal_nan=True):
            found.append(f"{name} of theory.parquet differs")
    return found


def _agreement(first: Path, second: Path) -> str:
    """One line on how far what was trained agrees."""
    rates = [pd.read_csv(folder / "lr.csv", dtype={"cell": "str"})[["cell", *LR_COLUMNS]] for folder in (first, second)]
    both = rates[0].merge(rates[1], on="cell")
    same = int((both["lr_x"] == both["lr_y"]).sum())
    return (
        "the same verdicts and predictions, times aside; another kind of processor: what was trained is another "
        f"sample, with the same learning rate in {same} of {len(both)} cells"
    )


def _names(folder: Path) -> set[str]:
    if not folder.is_dir():
        raise UserError(f"there is no {folder}; python src/aggregate.py makes it")
    return {path.name for path in folder.iterdir() if path.is_file() and path.name != TIMING}


def _timed_claims(folder: Path) -> set[str]:
    """The ids of claims that depend on times."""
    path = folder / "claims.json"
    return {entry["id"] for entry in read_json(path) if entry.get("timed")} if path.is_file() else set()


def _same(first: Mapping[str, Any], second: Mapping[str, Any], leave_out: set[str]) -> bool:
    left, right = ({key: value for key, value in own.items() if key not in leave_out} for own in (first, second))
    return left == right
