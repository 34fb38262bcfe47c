"""The answer of a study of several settings: what rescues the sigmoid where it fails, and what does not?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from whyrelu.report.study import Facet, Study, varied_factors
from whyrelu.report.text import listing, percent
from whyrelu.results.cells import learns
from whyrelu.results.labels import PAIR, facet_name

_SIGMOID = PAIR[1]


class _Cell(NamedTuple):
    """What is told of one cell: how it is named, its row of cells.parquet, and what is said behind its numbers."""

    name: str
    row: pd.Series
    remark: str = ""

    @property
    def numbers(self) -> str:
        failed = f"{self.row['failures']} of {self.row['n']} failed" if self.row["failures"] else f"n = {self.row['n']}"
        return f"{percent(self.row['mean'])}, {failed}{self.remark}"

    @property
    def is_lost(self) -> bool:
        return bool(self.row["failures"] == self.row["n"])


class _Change(NamedTuple):
    """Sigmoid in a setting that differs from the reference in one factor.

    Attributes:
        factor: that differs.
        name: its value, e.g. "optimizer=adam".
        details: settings that only this value has, such as adam's epsilon; empty if none tells settings apart.
        row: of cells.parquet.
    """

    factor: str
    name: str
    details: str
    row: pd.Series


def rescue_lead(study: Study) -> str:
    """What a single change of the reference makes of sigmoid at a depth at which it fails, and how its relatives fare.

    Empty if there is no such depth. Of several it is the one at which most changes were tried, and of those the
    deepest.
    """
    usual = _rows(study.reference, _SIGMOID)
    tried = {depth: _changes(study, depth, row) for depth, row in usual.items() if not _learns(row)}
    depth = max(tried, key=lambda depth: (len(tried[depth]), depth), default=0)
    if not tried.get(depth):
        return ""
    bar, row = _bar(study, depth), usual[depth]
    factors = {change.factor for change in tried[depth]}
    where = facet_name(_values(row), [name for name in varied_factors(study) if name in factors])
    fails = f"{percent(row['mean'])}, {row['failures']} of {row['n']} runs failed"
    found = _clauses(_told(tried[depth]), bar, _rescue, _rescue_more)
    lead = f"At depth {depth} with {where}, {_SIGMOID} fails (mean test accuracy {fails}): {found}."
    relatives = [
        _Cell(name, rows[depth])
        for name in study.reference.series
        if _SIGMOID in name and name != _SIGMOID and depth in (rows := _rows(study.reference, name))
    ]
    return f"{lead} Of its relatives, {_clauses(relatives, bar, _fare, _fare)}." if relatives else lead


def _changes(study: Study, depth: int, usual: pd.Series) -> list[_Change]:
    """The settings in which sigmoid was run at a depth, and which differ from the reference in one factor."""
    changes = []
    for facet in study.facets:
        row = _rows(facet, _SIGMOID).get(depth)
        if row is None:
            continue
        # not only what it takes to tell facets apart: what changes along with that may be what rescues it
        changed = [name for name in varied_factors(study) if not _is_same(row[name], usual[name])]
        # what belongs to another change comes with it, as epsilon does with adam
        own = [name for name in changed if not any(name.startswith(f"{owner}.") for owner in changed)]
        # other images are no change of the network
        if len(own) == 1 and own != ["data"]:
            further = [name for name in study.facet_columns if name in changed and name not in own]
            details = [name for name in further if not pd.isna(row[name])]
            changes.append(_Change(own[0], facet_name(_values(row), own), facet_name(_values(row), details), row))
    return changes


def _values(row: pd.Series) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _is_same(value: Any, other: Any) -> bool:
    return bool(value == other) or bool(pd.isna(value) and pd.isna(other))


def _rows(facet: Facet, series: str) -> dict[int, pd.Series]:
    return {int(row["depth"]): row for _, row in facet.cells[facet.cells["series"] == series].iterrows()}


def _learns(row: pd.Series) -> bool:
    return bool(learns(row.to_frame().T).iloc[0])


def _bar(study: Study, depth: int) -> float:
    """The middle between chance and the best mean of any activation and setting at a depth."""
    means = study.cells.loc[study.cells["depth"] == depth, "mean"]
    return float(study.reference.chance + means.max()) / 2


def _told(changes: list[_Change]) -> list[_Cell]:
    """A cell for each change; changes that differ in details only are one if their numbers are the same."""
    cells: list[_Cell] = []
    for name in dict.fromkeys(change.name for change in changes):
        alike = [change for change in changes if change.name == name]
        if len(alike) == 1:
            cells.append(_Cell(name, alike[0].row))
        elif len({_Cell(name, change.row).numbers for change in alike}) == 1:
            details = " as ".join(f"with {change.details or 'its defaults'}" for change in alike)
            cells.append(_Cell(name, alike[0].row, f", {details}"))
        else:
            cells += [
                _Cell(f"{name}{f' with {change.details}' if change.details else ''}", change.row) for change in alike
            ]
    return cells


def _clauses(
    cells: list[_Cell], bar: float, first: Callable[[str, bool], str], further: Callable[[str, bool], str]
) -> str:
    """Cells in three groups, those that learn first.

    A cell learns if at least half of its runs do not fail, and it learns in part if its mean is nonetheless below a
    bar.

    Args:
        cells: at least one.
        bar: of the mean accuracy.
        first: the verb of the first group, by the group and by whether it has several cells.
        further: that of the others.
    """
    groups: dict[str, list[_Cell]] = {"yes": [], "in part": [], "no": []}
    for cell in cells:
        outcome = "no" if not _learns(cell.row) else "yes" if cell.row["mean"] >= bar else "in part"
        groups[outcome].append(cell)
    clauses: list[str] = []
    for outcome, members in groups.items():
        if members:
            verb = (further if clauses else first)(outcome, len(members) > 1)
            clauses.append(f"{_named(members)} {verb}")
    return "; ".join(clauses)


def _named(cells: list[_Cell]) -> str:
    """Names with numbers; those in which all runs failed have one bracket together."""
    if len(cells) > 1 and all(cell.is_lost and not cell.remark for cell in cells):
        means = dict.fromkeys(percent(mean) for mean in sorted(cell.row["mean"] for cell in cells))
        low, high = next(iter(means)), list(means)[-1]
        span = low if low == high else f"{low} to {high}"
        return f"{listing([cell.name for cell in cells])} ({span}, all runs failed)"
    return listing([f"{cell.name} ({cell.numbers})" for cell in cells])


def _rescue(outcome: str, several: bool) -> str:
    if outcome == "no":
        return f"{'do' if several else 'does'} not rescue it"
    return f"{'rescue' if several else 'rescues'} it{' only in part' if outcome == 'in part' else ''}"


def _rescue_more(outcome: str, several: bool) -> str:
    do = "do" if several else "does"
    return f"{do} not" if outcome == "no" else f"{do} so only in part"


def _fare(outcome: str, several: bool) -> str:
    if outcome == "no":
        return "fail there too" if several else "fails there too"
    return f"{'learn' if several else 'learns'} there{' only in part' if outcome == 'in part' else ''}"
