"""Whether cells that are compared with each other had the same chance when their learning rates were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd


class UnequalBudgets(NamedTuple):
    """Cells that were tuned with less than another one of their group, by what they lack.

    Attributes:
        untried: cells by the rates, ascending, that others were tried at and they were not.
        seeds: cells by how many seeds they had, and how many another one had.
    """

    untried: dict[tuple[float, ...], list[str]]
    seeds: dict[tuple[int, int], list[str]]


def unequal_budgets(tuning: pd.DataFrame, group: Sequence[str]) -> UnequalBudgets:
    """Compare the budgets of cells.

    Args:
        tuning: with `cell`, `lr`, `seed` and the columns of the group.
        group: columns that are the same in cells that are compared with each other.
    """
    unequal = UnequalBudgets({}, {})
    for _, runs in tuning.groupby(list(group), sort=False, dropna=False):
        rates, most = set(runs["lr"]), int(runs.groupby("cell")["seed"].nunique().max())
        for cell, own in runs.groupby("cell", sort=False):
            untried, seeds = rates - set(own["lr"]), int(own["seed"].nunique())
            if untried:
                unequal.untried.setdefault(tuple(sorted(untried)), []).append(str(cell))
            if seeds < most:
                unequal.seeds.setdefault((seeds, most), []).append(str(cell))
    return unequal
