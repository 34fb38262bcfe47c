"""The answer of a study of several settings: what rescues the sigmoid where it fails, and what does not?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pandas as pd

from whyrelu.report.lead.lead import Lead
from whyrelu.report.study import Facet, Study, varied_factors
from whyrelu.report.text import listing, percent
from whyrelu.results.cells import learns
from whyrelu.results.labels import PAIR, facet_name

_RELU, _SIGMOID = PAIR
_YES, _IN_PART, _NO = "yes", "in part", "no"
# Below this a number of functions.parquet is 0 but for rounding.
_ZERO = 1e-6


class _Cell(NamedTuple):
    """What is told of one cell.

    Attributes:
        name: what it is called in the text.
        row: of cells.parquet.
        remark: what is said behind its numbers.
        relu: rows of relu in the settings told; none if it was not run there, or is told elsewhere.
    """

    name: str
    row: pd.Series
    remark: str = ""
    relu: tuple[pd.Series, ...] = ()

    @property
    def numbers(self) -> str:
        failed = f"{self.row['failures']} of {self.row['n']} failed" if self.row["failures"] else f"n = {self.row['n']}"
        return f"{percent(self.row['mean'])}, {failed}{self.remark}"

    @property
    def described(self) -> str:
        return f"{self.name} ({self.numbers}{_beside(self.relu)})"

    def outcome(self, bar: float) -> str:
        """Whether it learns: if at least half of its runs do not fail; in part if its mean is below the bar even so."""
        return _NO if not _learns(self.row) else _YES if self.row["mean"] >= bar else _IN_PART

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
        relu: its row in the same setting, if it was run there.
    """

    factor: str
    name: str
    details: str
    row: pd.Series
    relu: tuple[pd.Series, ...]


def rescue_lead(study: Study) -> Lead:
    """What a single change of the reference makes of sigmoid at a depth at which it fails, and how its relatives fare.

    Empty if there is no such depth. Of several it is the one at which most changes were tried, and of those the
    deepest. Notes say what the relatives are, and what "only in part" means where the answer says so.
    """
    found = _failure(study)
    if found is None:
        return Lead()
    depth, row, changes = found
    bar, factors = _bar(study, depth), {change.factor for change in changes}
    where = facet_name(_values(row), [name for name in varied_factors(study) if name in factors])
    beside = _beside(_relu(study.reference, depth))
    fails = f"mean test accuracy {percent(row['mean'])}, {row['failures']} of {row['n']} runs failed{beside}"
    cells, relatives = _told(changes), _relatives(study, depth)
    answer = (
        f"At depth {depth} with {where}, {_SIGMOID} fails ({fails}): {_clauses(cells, bar, _rescue, _rescue_more)}."
    )
    notes = []
    if relatives:
        answer += f" Of its relatives, {_clauses(relatives, bar, _fare, _fare)}."
        notes += _shapes(study, [_SIGMOID, *(cell.name for cell in relatives)])
    if any(cell.outcome(bar) == _IN_PART for cell in [*cells, *relatives]):
        middle = "the middle between chance and the best mean at this depth"
        notes.append(f'"Only in part": the mean stays below {percent(bar)}, {middle}.')
    return Lead(answer, " ".join(notes))


def _failure(study: Study) -> tuple[int, pd.Series, list[_Change]] | None:
    """The depth that the lead is of, sigmoid's row of cells.parquet there, and what was changed there."""
    usual = _rows(study.reference, _SIGMOID)
    tried = {depth: _changes(study, depth, row) for depth, row in usual.items() if not _learns(row)}
    depth = max(tried, key=lambda depth: (len(tried[depth]), depth), default=0)
    return (depth, usual[depth], tried[depth]) if tried.get(depth) else None


def _relatives(study: Study, depth: int) -> list[_Cell]:
    """The variants of sigmoid in the reference."""
    return [
        _Cell(name, rows[depth])
        for name in study.reference.series
        if _SIGMOID in name and name != _SIGMOID and depth in (rows := _rows(study.reference, name))
    ]


def _shapes(study: Study, names: list[str]) -> list[str]:
    """A sentence on what tells relatives apart, value and slope at 0; none if functions.parquet lacks one of them."""
    curves = [study.functions[study.functions["activation"] == name] for name in names]
    if any(curve.empty for curve in curves):
        return []
    rows = [curve.iloc[int(curve["x"].abs().argmin())] for curve in curves]
    if any(abs(row["x"]) > _ZERO for row in rows):
        return []
    told = [
        f"{name} is {_short(row['value'])} with slope {_short(row['slope'])}"
        for name, row in zip(names, rows, strict=True)
    ]
    return [f"At 0, {listing(told)}."]


def _short(value: float) -> str:
    # what is left of a difference of two equal numbers is none
    return "0" if abs(value) < _ZERO else f"{value:.3g}"


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
            name, told = (facet_name(_values(row), part) for part in (own, details))
            changes.append(_Change(own[0], name, told, row, _relu(facet, depth)))
    return changes


def _values(row: pd.Series) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _is_same(value: Any, other: Any) -> bool:
    return bool(value == other) or bool(pd.isna(value) and pd.isna(other))


def _rows(facet: Facet, series: str) -> dict[int, pd.Series]:
    return {int(row["depth"]): row for _, row in facet.cells[facet.cells["series"] == series].iterrows()}


def _relu(facet: Facet, depth: int) -> tuple[pd.Series, ...]:
    row = _rows(facet, _RELU).get(depth)
    return () if row is None else (row,)


def _beside(relu: tuple[pd.Series, ...]) -> str:
    """What relu makes of the same settings, failures included; empty if it was not run there."""
    if not relu:
        return ""
    failures, runs = (sum(int(row[name]) for row in relu) for name in ("failures", "n"))
    failed = f", {failures} of {runs} failed" if failures else ""
    return f"; {_RELU} {_span(row['mean'] for row in relu)}{failed}"


def _span(means: Iterable[float]) -> str:
    """Accuracies as their lowest and their highest, or as one number if these look the same."""
    values = sorted(means)
    low, high = percent(values[0]), percent(values[-1])
    return low if low == high else f"{low} to {high}"


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
            cells.append(_Cell(name, alike[0].row, relu=alike[0].relu))
        elif len({_Cell(name, change.row).numbers for change in alike}) == 1:
            details = " as ".join(f"with {change.details or 'its defaults'}" for change in alike)
            cells.append(
                _Cell(name, alike[0].row, f", {details}", tuple(row for change in alike for row in change.relu))
            )
        else:
            cells += [
                _Cell(f"{name}{f' with {change.details}' if change.details else ''}", change.row, relu=change.relu)
                for change in alike
            ]
    return cells


def _clauses(
    cells: list[_Cell], bar: float, first: Callable[[str, bool], str], further: Callable[[str, bool], str]
) -> str:
    """Cells in three groups by their outcome, those that learn first.

    Args:
        cells: at least one.
        bar: of the mean accuracy.
        first: the verb of the first group, by the group and by whether it has several cells.
        further: that of the others.
    """
    groups: dict[str, list[_Cell]] = {_YES: [], _IN_PART: [], _NO: []}
    for cell in cells:
        groups[cell.outcome(bar)].append(cell)
    clauses: list[str] = []
    for outcome, members in groups.items():
        if members:
            verb = (further if clauses else first)(outcome, len(members) > 1)
            clauses.append(f"{_named(members)} {verb}")
    return "; ".join(clauses)


def _named(cells: list[_Cell]) -> str:
    """Names with numbers; those in which all runs failed have one bracket together if relu was not run there."""
    if len(cells) > 1 and all(cell.is_lost and not cell.remark and not cell.relu for cell in cells):
        return (
            f"{listing([cell.name for cell in cells])} ({_span(cell.row['mean'] for cell in cells)}, all runs failed)"
        )
    return listing([cell.described for cell in cells])


def _rescue(outcome: str, several: bool) -> str:
    if outcome == _NO:
        return f"{'do' if several else 'does'} not rescue it"
    return f"{'rescue' if several else 'rescues'} it{' only in part' if outcome == _IN_PART else ''}"


def _rescue_more(outcome: str, several: bool) -> str:
    do = "do" if several else "does"
    return f"{do} not" if outcome == _NO else f"{do} so only in part"


def _fare(outcome: str, several: bool) -> str:
    if outcome == _NO:
        return "fail there too" if several else "fails there too"
    return f"{'learn' if several else 'learns'} there{' only in part' if outcome == _IN_PART else ''}"
