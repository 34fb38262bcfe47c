"""The answer of a study in a few sentences, each computed from its tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whyrelu.report.study import Facet, Study, setting_rows
from whyrelu.report.text import listing, number, percent, plural, points
from whyrelu.results.cells import learns
from whyrelu.results.labels import PAIR, contrast_pair
from whyrelu.statistics.contrasts import mean_difference

# With more activations than this, a sentence names only the best ones and those the project is about.
_MOST_NAMED = 6
_BEST_NAMED = 3


@dataclass(frozen=True)
class FacetAnswer:
    """What one facet says.

    Attributes:
        accuracies: the activations in order of accuracy, at the deepest and then at the shallowest depth.
        learning: which activations rise above chance at which depths.
        differences: between two activations per depth, a sentence for each pair.
        failures: how many runs failed, of what, and from which depth on.
    """

    accuracies: list[str]
    learning: str
    differences: list[str]
    failures: str


def facet_answers(study: Study) -> list[FacetAnswer]:
    """The answer of each facet that is shown in detail."""
    return [
        FacetAnswer(
            accuracy_sentences(facet), learning_sentence(facet), difference_sentences(facet), failures_sentence(facet)
        )
        for facet in study.detailed
    ]


def accuracy_sentences(facet: Facet) -> list[str]:
    """Mean test accuracy and failures per activation, best first, at the deepest depth and at the shallowest."""
    depths = _common_depths(facet)
    deepest = _accuracies_at(facet, depths[-1])
    where = f" with {facet.label}" if facet.label else ""
    sentences = [f"Mean test accuracy at depth {depths[-1]}{where}: {deepest}."]
    if len(depths) > 1:
        sentences.append(f"At depth {depths[0]}: {_accuracies_at(facet, depths[0])}.")
    return sentences


def _common_depths(facet: Facet) -> list[int]:
    """The depths at which all activations were run, ascending; if there is none, all depths."""
    tried = facet.cells.groupby("depth")["series"].nunique()
    return [depth for depth in facet.depths if tried[depth] == len(facet.series)] or facet.depths


def _accuracies_at(facet: Facet, depth: int) -> str:
    cells = facet.cells[facet.cells["depth"] == depth].sort_values("mean", ascending=False, kind="stable")
    told = pd.Series(True, index=cells.index)
    if len(cells) > _MOST_NAMED:
        told = cells["series"].isin([*cells["series"].iloc[:_BEST_NAMED], *PAIR])
    parts: list[str] = []
    for _, cell in cells[told].iterrows():
        noun = "" if any("failed" in part for part in parts) else " runs failed"
        parts.append(f"{cell['series']} {percent(cell['mean'])}{_failed(cell['failures'], cell['n'], noun)}")
    others = cells[~told]
    if others.empty:
        return ", ".join(parts)
    low, high = percent(others["mean"].min()), percent(others["mean"].max())
    span = f"at {low}" if low == high else f"between {low} and {high}"
    failed = _failed(int(others["failures"].sum()), int(others["n"].sum()), " runs failed")
    return f"{', '.join(parts)} and {len(others)} others {span}{failed}"


def _failed(failures: int, runs: int, noun: str) -> str:
    return f" ({failures} of {runs}{noun})" if failures else ""


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


def difference_sentences(facet: Facet) -> list[str]:
    """What sigmoid is compared with, and relu with the strongest of the other activations; none without them."""
    pair = contrast_pair(facet.series)
    sentences = [_difference(facet, pair)] if pair else []
    relu, _ = PAIR
    common = facet.cells[facet.cells["depth"].isin(_common_depths(facet))]
    means = common[~common["series"].isin(PAIR)].groupby("series", sort=False)["mean"].mean()
    if relu in facet.series and not means.empty:
        best = str(means.idxmax())
        why = f"{best} has the highest mean over the depths of {len(means)} others, a choice that flatters it; "
        sentences.append(_difference(facet, (best, relu), why if len(means) > 1 else ""))
    return [sentence for sentence in sentences if sentence]


def _difference(facet: Facet, pair: tuple[str, str], why: str = "") -> str:
    """Difference in mean test accuracy per depth, in points, with Welch's interval; empty without a common depth."""
    first, second = (_accuracies(facet.runs, name) for name in pair)
    shared = [depth for depth in facet.depths if depth in first and depth in second]
    if not shared:
        return ""
    parts = []
    for depth in shared:
        # no difference of two accuracies is larger than 100 points
        value, low, high = np.clip(mean_difference(first[depth], second[depth]), -1, 1)
        interval = "" if np.isnan(low) else f" [{points(low)}, {points(high)}]"
        parts.append(f"**{points(value)}**{interval} at depth {depth}")
    single = min(len(values[depth]) for values in (first, second) for depth in shared) < 2
    kind = "no interval where there is a single run" if single else "95% interval by Welch's t"
    where = f" with {facet.label}" if facet.label else ""
    return f"{pair[0]} minus {pair[1]}{where} in points of test accuracy ({why}{kind}): {', '.join(parts)}."


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


def settings_sentences(study: Study) -> list[str]:
    """In which of many settings each activation rises above chance; none if all settings are told one by one."""
    if not study.is_compact:
        return []
    rows = setting_rows(study)
    sentences = [
        f"There are {len(study.facets)} settings, and they are named by what differs from the reference, "
        f"{study.reference.label}; only that one is told in detail."
    ]
    cells = "settings and depths" if len(study.depths) > 1 else "settings"
    for name in study.series:
        learned = {
            row.name: bool(learns(own).iloc[0]) for row in rows if len(own := row.cells[row.cells["series"] == name])
        }
        yes, no = ([row for row, rises in learned.items() if rises is wanted] for wanted in (True, False))
        if not no or not yes:
            sentences.append(f"{name} {'rises above' if yes else 'stays at'} chance in all {len(learned)} {cells}.")
        elif len(yes) < len(no):
            sentences.append(
                f"{name} rises above chance in {len(yes)} of {len(learned)} {cells} only: {'; '.join(yes)}."
            )
        else:
            sentences.append(
                f"{name} rises above chance in {len(yes)} of {len(learned)} {cells}, but not in: {'; '.join(no)}."
            )
    return sentences


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
