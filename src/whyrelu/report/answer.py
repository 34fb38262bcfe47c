"""The answer of a study in a few sentences, each computed from its tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whyrelu.report.study import Facet, Study
from whyrelu.report.text import listing, number, percent, plural, points
from whyrelu.results.cells import contrast_pair, learns
from whyrelu.results.statistics import mean_difference


@dataclass(frozen=True)
class FacetAnswer:
    """What one facet says.

    Attributes:
        label: of the facet, empty if it is the only one.
        learning: which activations rise above chance at which depths.
        difference: between two activations per depth, None without a sigmoid to compare with.
        failures: how many runs failed, of what, and from which depth on.
    """

    label: str
    learning: str
    difference: str | None
    failures: str


def facet_answers(study: Study) -> list[FacetAnswer]:
    """The answer of each facet."""
    return [
        FacetAnswer(facet.label, learning_sentence(facet), difference_sentence(facet), failures_sentence(facet))
        for facet in study.facets
    ]


def learning_sentence(facet: Facet) -> str:
    """Which activations rise above chance at every depth, at some, at none, with their mean accuracy there."""
    groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[str]] = {}
    for name in facet.series:
        cells = facet.cells[facet.cells["series"] == name].sort_values("depth")
        learned = cells.loc[learns(cells), "depth"]
        groups.setdefault((tuple(cells["depth"]), tuple(learned)), []).append(name)
    # those that learn at the most depths first; sorting keeps the order of the study among equals
    ordered = sorted(groups.items(), key=lambda item: (-len(item[0][1]) / len(item[0][0]), -len(item[0][0])))
    clauses = [_clause(facet, names, tried, learned) for (tried, learned), names in ordered]
    return f"{'; '.join(clauses)}."


def _clause(facet: Facet, names: list[str], tried: tuple[int, ...], learned: tuple[int, ...]) -> str:
    missed = [depth for depth in tried if depth not in learned]
    who = listing(names)
    rise, stay = ("rises above", "stays at") if len(names) == 1 else ("rise above", "stay at")
    means = _means(facet, names, learned or tried)
    if len(tried) == 1:
        return f"{who} {rise if learned else stay} chance at depth {tried[0]} ({means})"
    if not learned or not missed:
        return f"{who} {rise if learned else stay} chance at every depth tried ({listing(tried)}; {means})"
    return f"{who} {rise} chance at depth {listing(learned)} ({means}) but not at {listing(missed, 'or')}"


def _means(facet: Facet, names: list[str], depths: tuple[int, ...]) -> str:
    chosen = facet.cells["series"].isin(names) & facet.cells["depth"].isin(depths)
    low, high = percent(facet.cells.loc[chosen, "mean"].min()), percent(facet.cells.loc[chosen, "mean"].max())
    return f"mean test accuracy {low if low == high else f'{low} to {high}'}"


def difference_sentence(facet: Facet) -> str | None:
    """Difference in mean test accuracy of two activations per depth, in points, with Welch's interval."""
    pair = contrast_pair(facet.series)
    if pair is None:
        return None
    first, second = (_accuracies(facet.runs, name) for name in pair)
    shared = [depth for depth in facet.depths if depth in first and depth in second]
    if not shared:
        return None
    parts = []
    for depth in shared:
        # no difference of two accuracies is larger than 100 points
        value, low, high = np.clip(mean_difference(first[depth], second[depth]), -1, 1)
        interval = "" if np.isnan(low) else f" [{points(low)}, {points(high)}]"
        parts.append(f"**{points(value)}**{interval} at depth {depth}")
    single = min(len(values[depth]) for values in (first, second) for depth in shared) < 2
    kind = "no interval where there is a single run" if single else "95% interval by Welch's t"
    return f"{pair[0]} minus {pair[1]} in points of test accuracy ({kind}): {', '.join(parts)}."


def _accuracies(runs: pd.DataFrame, series: str) -> dict[int, list[float]]:
    groups = runs[runs["series"] == series].groupby("depth")["test_accuracy"]
    return {int(str(depth)): list(values) for depth, values in groups}


def failures_sentence(facet: Facet) -> str:
    """How many runs failed, in which way, and where each activation begins to fail."""
    cells = facet.cells
    total, failed = int(cells["n"].sum()), int(cells["failures"].sum())
    if failed == 0:
        return f"No run failed (0 of {total:,})."
    ways = {"diverged": int(cells["diverged"].sum()), "ended at chance": int(cells["at_chance"].sum())}
    how = listing([f"{count} {way}" for way, count in ways.items() if count])
    parts = []
    for name in facet.series:
        own = cells[cells["series"] == name]
        count = int(own["failures"].sum())
        if count:
            begin = int(own.loc[own["failures"] > 0, "depth"].min())
            first = f", first at depth {begin}" if len(own) > 1 else ""
            parts.append(f"{name} {count} of {int(own['n'].sum())}{first}")
    rest = "; no run of another activation failed" if len(parts) < len(facet.series) else ""
    return f"{failed} of {plural(total, 'run')} failed ({how}): {'; '.join(parts)}{rest}."


def best_sentence(study: Study) -> str:
    """The cell with the highest mean."""
    best = study.cells.iloc[int(study.cells["mean"].argmax())]
    where = f"{best['series']} at depth {best['depth']}" + (f" with {best['facet']}" if best["facet"] else "")
    if best["n"] > 1:
        spread = f" (95% interval {number(best['low'])} to {number(best['high'])}, n = {best['n']})"
    else:
        spread = " (a single run)"
    flatters = f"; as the highest of {len(study.cells)} means it is likely to flatter"
    among = flatters if len(study.cells) > 1 else ""
    return f"Best mean test accuracy: {percent(best['mean'])}{spread}, {where}{among}."
