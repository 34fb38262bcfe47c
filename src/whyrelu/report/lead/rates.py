"""The answer of a study that compares given learning rates with tuned ones: what does tuning change?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from whyrelu.report.study import Facet, Study
from whyrelu.report.text import number, percent, points, sentence
from whyrelu.results.given_rates import GIVEN_LR, TUNED
from whyrelu.results.labels import contrast_pair, value_text
from whyrelu.statistics.pooling import pooled_difference


def rates_lead(study: Study) -> str:
    """Accuracies of relu (or the first activation) and sigmoid, and their difference, at given rates and at tuned ones.

    Empty if there is no such pair, or some of the rates have it at no depth.
    """
    pair = contrast_pair(study.series)
    # tuned ones are what others are measured by, so they come last
    facets = sorted(study.facets, key=lambda facet: _is_tuned(facet))
    if pair is None or not all(_shared_depths(facet, pair) for facet in facets):
        return ""
    return sentence("; ".join(f"{_rates(facet, pair)} {_outcome(facet, pair)}" for facet in facets))


def _is_tuned(facet: Facet) -> bool:
    return bool((facet.cells[GIVEN_LR] == TUNED).all())


def _rates(facet: Facet, pair: tuple[str, str]) -> str:
    """How learning rates were given; the tuned ones by value, because they may be the same for both."""
    if not _is_tuned(facet):
        return f"with {facet.label}, not tuned,"
    cells = facet.cells[facet.cells["depth"].isin(_shared_depths(facet, pair))]
    spans = [_span(cells.loc[cells["series"] == name, "lr"]) for name in pair]
    values = f"{spans[0]} for both" if spans[0] == spans[1] else f"{pair[0]} {spans[0]}, {pair[1]} {spans[1]}"
    return f"with tuned learning rates ({values})"


def _span(rates: pd.Series) -> str:
    return " to ".join(dict.fromkeys([value_text(float(rates.min())), value_text(float(rates.max()))]))


def _shared_depths(facet: Facet, pair: tuple[str, str]) -> list[int]:
    tried = [set(facet.cells.loc[facet.cells["series"] == name, "depth"]) for name in pair]
    return sorted(int(depth) for depth in tried[0] & tried[1])


def _outcome(facet: Facet, pair: tuple[str, str]) -> str:
    """Mean accuracies and their difference, on average over depths; whether it counts is for the claims to say."""
    depths = _shared_depths(facet, pair)
    arms = [
        [facet.runs.loc[(facet.runs["series"] == name) & (facet.runs["depth"] == depth), "test_accuracy"].to_numpy()
         for name in pair]
        for depth in depths
    ]  # fmt: skip
    # no difference of two accuracies is larger than 100 points
    value, low, high = (float(x) for x in np.clip(pooled_difference([(a, b) for a, b in arms]), -1, 1))
    means = [percent(float(np.mean([arm[side].mean() for arm in arms]))) for side in (0, 1)]
    interval = "" if np.isnan(low) else f" [{number(low)}, {number(high)}]"
    where = f"at depth {depths[0]}" if len(depths) == 1 else f"on average over {len(depths)} depths"
    n = sum(len(values) for arm in arms for values in arm)
    return (
        f"{pair[0]} reaches a test accuracy of {means[0]} and {pair[1]} of {means[1]} {where}, "
        f"{points(value)}{interval} points (n = {n})"
    )
