"""The answer of a study that varies the precision: is the accuracy the same?"""

from __future__ import annotations

from typing import NamedTuple

from whyrelu.report.study import Facet, Study
from whyrelu.report.text import listing, plural, points, sentence
from whyrelu.statistics.equivalence import DIFFERENT, EQUAL, MARGIN, OPEN, PairedDifference, paired_difference

# More cells than this are counted and not named.
_MOST_NAMED = 4


class _Cell(NamedTuple):
    """An activation at a depth in both precisions.

    Attributes:
        name: what it is called in the text.
        where: the precision, to be added to the name, e.g. " with precision=64-true"; empty if only one is compared.
        pairs: runs that share a seed.
        difference: in test accuracy within these.
        learns: whether any of its runs does not end at chance.
        same_rate: whether both were trained at the same learning rate.
    """

    name: str
    where: str
    pairs: int
    difference: PairedDifference
    learns: bool
    same_rate: bool


def precision_lead(study: Study) -> str:
    """In how many cells each precision gives the accuracy of the reference; empty if no two runs share a seed."""
    reference = study.reference
    clauses, compared = [], list[_Cell]()
    others = [facet for facet in study.facets if facet is not reference]
    for facet in others:
        cells = _cells(facet, reference, f" with {facet.label}" if len(others) > 1 else "")
        if cells:
            clauses.append(_clause(facet.label, _value(reference), cells))
            compared += cells
    if not clauses:
        return ""
    counts = [cell.pairs for cell in compared]
    each = " to ".join(str(count) for count in sorted({min(counts), max(counts)}))
    pairs = f"Runs are compared in pairs of the same seed, {each} in each cell."
    return f"{sentence('; '.join(clauses))} {pairs}{_rates(compared)}"


def _rates(cells: list[_Cell]) -> str:
    """A tuned rate is chosen in each precision anew: then precision is not all that differs."""
    others = [f"{cell.name}{cell.where}" for cell in cells if not cell.same_rate]
    if not others:
        return ""
    differs = f"The learning rate differs too in {_counted(others)} of {len(cells)} cells"
    return f" {differs}: there the two cannot be told apart."


def _value(facet: Facet) -> str:
    return facet.label.partition("=")[2]


def _cells(facet: Facet, reference: Facet, where: str) -> list[_Cell]:
    columns = ["test_accuracy", "at_chance", "lr"]
    sides = [side.runs.set_index(["series", "depth", "seed"])[columns] for side in (facet, reference)]
    both = sides[0].add_suffix("_first").join(sides[1].add_suffix("_second"), how="inner")
    return [
        _Cell(
            f"{series} at depth {depth}",
            where,
            len(cell),
            paired_difference(cell["test_accuracy_first"], cell["test_accuracy_second"]),
            not (cell["at_chance_first"] & cell["at_chance_second"]).all(),
            bool((cell["lr_first"] == cell["lr_second"]).all()),
        )
        for (series, depth), cell in both.groupby(level=["series", "depth"], sort=False)
    ]


def _clause(label: str, reference: str, cells: list[_Cell]) -> str:
    """What a precision changes; cells in which nothing learns, so that there is nothing to change, stand apart."""
    idle = [cell.name for cell in cells if not cell.learns]
    others = [cell for cell in cells if cell.learns]
    if not idle:
        return f"with {label} instead of {reference}, test accuracy is {_outcomes(others)}"
    nothing = f"with {label} as with {reference}, no run of {listing(idle)} learns"
    return f"{nothing}; elsewhere test accuracy is {_outcomes(others)}" if others else nothing


def _outcomes(cells: list[_Cell]) -> str:
    found = {
        outcome: [cell for cell in cells if cell.difference.outcome == outcome] for outcome in (EQUAL, DIFFERENT, OPEN)
    }
    different = [f"{cell.name} by {points(cell.difference.value)} points" for cell in found[DIFFERENT]]
    same = f"the same within {100 * MARGIN:g} points in {len(found[EQUAL]) or 'none'} of {plural(len(cells), 'cell')}"
    return f"{same}, different in {_counted(different)} and not settled in {_counted([c.name for c in found[OPEN]])}"


def _counted(names: list[str]) -> str:
    if not names:
        return "none"
    return f"{len(names)} ({', '.join(names)})" if len(names) <= _MOST_NAMED else str(len(names))
