"""Whether two folders of results say the same, times aside.

On the same kind of processor all tables are the same byte for byte, but for rows of effects.csv that are `timed`. On
another kind the last digits differ, and what was trained is another sample: there predictions must be the same within a
thousandth, and every cell says whether the two samples agree.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from whyrelu.results.cells import cell_names
from whyrelu.results.columns import THEORY_COLUMNS
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import paired_difference

EFFECTS, TIMING = "effects.csv", "timing.json"
# Of predictions, which have no learning in them, but some iterate to a tolerance: 2e-4 was seen.
_TOLERANCE = 1e-3


class Comparison(NamedTuple):
    """What differs though it must not, in words, and what to tell, the verdict last."""

    differences: list[str]
    lines: list[str]


def compare(first: Path, second: Path) -> Comparison:
    """Compare results/<study> of two checkouts; a folder that is missing or damaged is a UserError."""
    studies = Study(first), Study(second)
    if studies[0].provenance["cpu"] == studies[1].provenance["cpu"]:
        return Comparison(_unlike_files(first, second), ["the same, times aside"])
    keys = ("overrides", "runs", "data")
    found = [f"{key} of provenance.json" for key in keys if studies[0].provenance[key] != studies[1].provenance[key]]
    found += _unlike_predictions(*studies)
    return Comparison([f"{what} differs" for what in found], _agreement(*studies))


def _unlike_files(first: Path, second: Path) -> list[str]:
    names = [{path.name for path in folder.iterdir() if path.is_file()} - {TIMING} for folder in (first, second)]
    found = [f"{name} is in {'the first' if name in names[0] else 'the second'} only" for name in names[0] ^ names[1]]
    for name in names[0] & names[1]:
        contents = [
            _untimed(folder / name) if name == EFFECTS else (folder / name).read_bytes() for folder in (first, second)
        ]
        if contents[0] != contents[1]:
            found.append(f"{name} differs")
    return sorted(found)


def _untimed(path: Path) -> list[str]:
    """The rows of effects.csv that do not depend on times, as its last column says."""
    return [row for row in path.read_text().splitlines() if not row.endswith(",True")]


def _unlike_predictions(first: Study, second: Study) -> list[str]:
    # xi is infinite where decades are next to none
    names = [name for name in THEORY_COLUMNS if name != "xi"]
    one, other = (study.theory[names].to_numpy("float64") for study in (first, second))
    if one.shape != other.shape:
        return ["number of rows of theory.parquet"]
    nearest = np.where(np.array(names) == "decades", _TOLERANCE, 0)
    is_close = np.isclose(one, other, rtol=_TOLERANCE, atol=nearest, equal_nan=True).all(axis=0)
    return [f"{name} of theory.parquet" for name, close in zip(names, is_close, strict=True) if not close]


def _agreement(first: Study, second: Study) -> list[str]:
    """Cell by cell, and in all, whether means and shares that learn agree within 95% intervals."""
    left, right = (study.runs.assign(name=cell_names(study.runs)) for study in (first, second))
    pairs = left.merge(right, on=["name", "seed"]).groupby("name")
    cells = first.cells.merge(second.cells, on="name").set_index("name")
    cells = cells.join(
        pairs[["test_accuracy_x", "test_accuracy_y"]].apply(
            lambda runs: pd.Series(paired_difference(*runs.to_numpy().T), index=["difference", "from", "to"])
        )
    )
    cells["same mean"] = ~((cells["from"] > 0) | (cells["to"] < 0))
    cells["same share"] = (cells["share_low_x"] <= cells["share_high_y"]) & (
        cells["share_low_y"] <= cells["share_high_x"]
    )
    shown = ["n_x", "learned_x", "learned_y", "lr_x", "lr_y", "mean_x", "mean_y", "difference", "from", "to"]
    return [
        cells[[*shown, "same mean", "same share"]].to_string(float_format="%.4g"),
        f"another kind of processor: of {len(cells)} cells, means agree in {cells['same mean'].sum()} and shares that "
        f"learn in {cells['same share'].sum()} (95% intervals: one cell in twenty differs by chance)",
    ]
