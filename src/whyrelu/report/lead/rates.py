"""The answer of a study that compares given learning rates with tuned ones: what does tuning change?"""

from __future__ import annotations

import numpy as np

from whyrelu.report.study import Facet, Study
from whyrelu.report.text import number, points, sentence
from whyrelu.results.given_rates import GIVEN_LR, TUNED
from whyrelu.results.labels import contrast_pair
from whyrelu.statistics.pooling import pooled_difference


def rates_lead(study: Study) -> str:
    """The difference between relu (or the first activation) and sigmoid at given rates and at tuned ones.

    Empty if there is no such pair, or some of the rates have it at no depth.
    """
    pair = contrast_pair(study.series)
    # fair comparisons are what others are measured by, so they come last
    facets = sorted(study.facets, key=lambda facet: _is_tuned(facet))
    if pair is None or not all(_shared_depths(facet, pair) for facet in facets):
        return ""
    depths = [_shared_depths(facet, pair) for facet in facets]
    clauses = [
        f"{_rate(facet)} {_difference(facet, pair, shared)}" for facet, shared in zip(facets, depths, strict=True)
    ]
    return sentence("; ".join(clauses))


def _is_tuned(facet: Facet) -> bool:
    return bool((facet.cells[GIVEN_LR] == TUNED).all())


def _rate(facet: Facet) -> str:
    return "with learning rates tuned for each cell" if _is_tuned(facet) else f"with {facet.label}, not tuned,"


def _shared_depths(facet: Facet, pair: tuple[str, str]) -> list[int]:
    tried = [set(facet.cells.loc[facet.cells["series"] == name, "depth"]) for name in pair]
    return sorted(int(depth) for depth in tried[0] & tried[1])


def _difference(facet: Facet, pair: tuple[str, str], depths: list[int]) -> str:
    """Who is ahead by how much, on average over depths; nobody if the interval has zero, or there is none."""
    runs = facet.runs
    arms = [
        tuple(
            runs.loc[(runs["series"] == name) & (runs["depth"] == depth), "test_accuracy"].to_numpy() for name in pair
        )
        for depth in depths
    ]
    # no difference of two accuracies is larger than 100 points
    value, low, high = (float(x) for x in np.clip(pooled_difference([(a, b) for a, b in arms]), -1, 1))
    n = sum(len(values) for arm in arms for values in arm)
    where = f"at depth {depths[0]}" if len(depths) == 1 else f"on average over {len(depths)} depths"
    size = f"points of test accuracy {where} (n = {n})"
    if low > 0:
        return f"{pair[0]} is ahead of {pair[1]} by {number(value)} [{number(low)}, {number(high)}] {size}"
    if high < 0:
        return f"{pair[1]} is ahead of {pair[0]} by {number(-value)} [{number(-high)}, {number(-low)}] {size}"
    interval = "" if np.isnan(low) else f" [{points(low)}, {points(high)}]"
    return f"{pair[0]} and {pair[1]} cannot be told apart, which differ by {points(value)}{interval} {size}"
