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

from whyrelu.errors import UserError
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


def _untimed(path: Path) -> bytes:
    """The rows of effects.csv that do not depend on times."""
    try:
        table = pd.read_csv(path, dtype="str")
        return table[table["timed"] != "True"].to_csv().encode()
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}): python src/decide.py writes it again") from None


def _unlike_predictions(first: Study, second: Study) -> list[str]:
    found = []
    for name in THEORY_COLUMNS:
        one, other = (study.theory[name].to_numpy("float64") for study in (first, second))
        if len(one) != len(other) or not np.allclose(one, other, rtol=_TOLERANCE, atol=0, equal_nan=True):
            found.append(f"{name} of theory.parquet")
    return found


def _agreement(first: Study, second: Study) -> list[str]:
    """Cell by cell, and in all, whether means and shares that learn agree within 95% intervals."""
    both = (study.runs.assign(name=cell_names(study.runs)) for study in (first, second))
    pairs = dict(iter(pd.merge(*both, on=["name", "seed"]).groupby("name")))
    lines, means, shares = [], 0, 0
    for cell in first.cells.merge(second.cells, on="name").to_dict("records"):
        runs = pairs[cell["name"]]
        difference = paired_difference(100 * runs["test_accuracy_x"], 100 * runs["test_accuracy_y"])
        is_same_mean = not (difference.low > 0 or difference.high < 0)
        is_same_share = cell["share_low_x"] <= cell["share_high_y"] and cell["share_low_y"] <= cell["share_high_x"]
        means, shares = means + is_same_mean, shares + is_same_share
        lines.append(
            f"{cell['name']}: {cell['mean_x']:.3f} and {cell['mean_y']:.3f}, difference {difference.estimate:+.1f} "
            f"points [{difference.low:+.1f}, {difference.high:+.1f}]; {cell['learned_x']} and {cell['learned_y']} of "
            f"{cell['n_x']} learned; lr {cell['lr_x']:g} and {cell['lr_y']:g}"
            + ("" if is_same_mean and is_same_share else "; differs")
        )
    return [
        *lines,
        f"another kind of processor: of {len(lines)} cells, means agree in {means} and shares that learn in {shares} "
        "(95% intervals: one cell in twenty differs by chance)",
    ]
