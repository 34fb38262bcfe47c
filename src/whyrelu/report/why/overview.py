"""What the parts that follow say of the deepest nets, in one table; and what tells failed runs from the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whyrelu.report.grid import Grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.text import MISSING, listing, percent
from whyrelu.report.why.collapse import RATIO
from whyrelu.report.why.gradients import RELATIVE, decades_lost, decades_with_theory
from whyrelu.report.why.moments import at_moment, mean_over_layers
from whyrelu.report.why.part import Part
from whyrelu.report.why.words import short, tenths

_GLANCE = (
    "One row per activation; the parts below explain the columns, show every layer and epoch, and have the other "
    "depths. What goes along with failure need not be its cause."
)
_MIXED = (
    "Cells in which some runs failed and others did not, all from the same initial variances. What differs at the end "
    "and not at init came with training."
)
# Columns of runs.parquet, what they are, and how a value is written.
_COMPARED = {
    "gradient_decades_init": ("decades lost at init", tenths),
    "gradient_decades_end": ("decades lost at the end", tenths),
    "dead_end": ("dead channels at the end", percent),
    "collapse_init": ("collapse ratio at init", short),
    "collapse_end": ("collapse ratio at the end", short),
}


def glance_part(study: Study) -> Part | None:
    """The deepest nets: how many runs failed, and the main numbers of the other parts; None if nothing was measured."""
    if not study.measured:
        return None
    several = len(study.facets) > 1
    header = ["setting"] * several + ["activation"]
    header += ["failed", "decades of gradient lost at init (theory)", "collapse ratio at init (theory)"]
    header += ["saturated at init", "mean squared slope at init", "dead channels at the end"]
    rows = [
        [facet.short] * several + [name, *_numbers(facet, name)]
        for facet in study.measured
        for name in facet.series
        if name in set(facet.cells[facet.cells["depth"] == facet.deepest]["series"])
    ]
    depths = sorted({facet.deepest for facet in study.measured})
    means = "means over runs (geometric ones of gradients and collapse ratios)"
    caption = f"Nets of depth {listing(depths, 'or')}, {means}:"
    return Part("At a glance", _GLANCE, [], grid=Grid(header, 1 + several, rows), grid_caption=caption)


def failures_part(study: Study) -> Part | None:
    """Failed runs beside the others of the same cell; None where no cell has both."""
    several = len(study.facets) > 1
    rows = []
    for facet in study.measured:
        for (name, depth), runs in facet.runs.groupby(["series", "depth"], sort=False):
            if 0 < runs["failed"].sum() < len(runs):
                rows.append([facet.short] * several + [str(name), str(depth), *_compared(runs)])
    if not rows:
        return None
    header = ["setting"] * several + ["activation", "depth", "runs", *(title for title, _ in _COMPARED.values())]
    caption = "Failed runs / the others: how many, and medians over them:"
    return Part("Failed runs and the others", _MIXED, [], grid=Grid(header, 2 + several, rows), grid_caption=caption)


def _numbers(facet: Facet, name: str) -> list[str]:
    depth = facet.deepest
    cell = facet.cells[(facet.cells["series"] == name) & (facet.cells["depth"] == depth)].iloc[0]
    last = at_moment(facet.profiles, "init")
    last = last[(last["series"] == name) & (last["layer"] == depth) & (last["depth"] == depth)]
    collapse = [float(last[column].iloc[0]) if len(last) else np.nan for column in (RATIO.column, RATIO.theory)]

    def mean(column: str, moment: str) -> float:
        return mean_over_layers(facet, column, moment, depth).get(name, np.nan)  # type: ignore[arg-type]

    return [
        f"{cell['failures']}/{cell['n']}",
        decades_with_theory(*(_decades(facet, name, column) for column in (RELATIVE.column, RELATIVE.theory))),
        f"{short(collapse[0])} ({short(collapse[1])})",
        percent(mean("saturated", "init")),
        short(mean("slope_square", "init")),
        percent(mean("dead", "end")),
    ]


def _decades(facet: Facet, name: str, column: str) -> float:
    table = decades_lost(facet, column)
    found = table[(table["series"] == name) & (table["depth"] == facet.deepest)]["decades"]
    return float(found.iloc[0]) if len(found) else np.nan


def _compared(runs: pd.DataFrame) -> list[str]:
    groups = [runs[runs["failed"]], runs[~runs["failed"]]]
    texts = [" / ".join(str(len(group)) for group in groups)]
    for column, (_, say) in _COMPARED.items():
        values = [group[column].dropna() for group in groups]
        texts.append(" / ".join(say(float(found.median())) if len(found) else MISSING for found in values))
    return texts
