"""Time for the study's epochs, and to a validation accuracy: steps that runs took, times what a step takes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from whyrelu.claims.times import SECONDS_TO, step_seconds
from whyrelu.claims.words import number
from whyrelu.report.grid import Grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.text import MISSING, percent
from whyrelu.report.time.times import Times
from whyrelu.report.time.words import duration
from whyrelu.report.why.part import Part
from whyrelu.results.convergence import censored
from whyrelu.statistics.survival import Censored, common_horizon, restricted_mean

_DEFINITION = (
    "Two different things. The time for a fixed number of epochs is that of the steps of a whole run, and differs "
    "between activations as the time of a step does. The time to a validation accuracy is that of the steps until it "
    "is reached; runs that never reach it count up to the end of training (restricted mean), so where many do not, "
    "the true mean is longer. Both are the runs' steps times the median time of a step: making batches, validation "
    "and diagnostics are left out."
)


def totals_part(study: Study, times: Times) -> Part | None:
    """A table per kind of time, in one: activation by depth."""
    facet = study.reference
    threshold = _threshold(facet, study.contrasts)
    rows = []
    for name in times.series:
        texts = [_epochs(facet.runs, times, name, depth) for depth in times.depths]
        rows.append(["all epochs", name, *texts])
    if threshold is not None:
        times_to = facet.convergence[facet.convergence["threshold"] == threshold]
        table: dict[str, list[str]] = {name: [] for name in times.series}
        for depth in times.depths:
            last = float(facet.runs.loc[facet.runs["depth"] == depth, "steps"].max())
            arms = _arms(times_to[times_to["depth"] == depth], times, depth, last)
            for name in times.series:
                table[name].append(_restricted(arms, name))
        rows += [[f"to {threshold * 100:g}%", name, *texts] for name, texts in table.items()]
    caption = "Mean time of a run on this machine, one run after the other"
    if threshold is not None:
        caption += (
            f"; to a validation accuracy of {threshold * 100:g}%: restricted mean up to the end of the shortest "
            "training at that depth, and how many runs reach it"
        )
    grid = Grid(["", "activation", *(f"depth {depth}" for depth in times.depths)], 2, rows)
    return Part("Time for the epochs, and time to an accuracy", _DEFINITION, [], [], grid, f"{caption}:")


def _threshold(facet: Facet, contrasts: pd.DataFrame) -> float | None:
    """The threshold at which a claim compares times by their ratio (C6), else the middle one of those reached.

    None if no run reaches any.
    """
    tested = set(contrasts.loc[contrasts["unit"] == "ln ratio", "quantity"])
    own = [threshold for threshold in facet.reached if SECONDS_TO.format(number(threshold)) in tested]
    return own[0] if own else facet.middle_threshold


def _epochs(runs: pd.DataFrame, times: Times, name: str, depth: int) -> str:
    own = runs[(runs["series"] == name) & (runs["depth"] == depth)]
    seconds = step_seconds(times.timing, name, depth, times.width)
    return duration(float(own["steps"].mean()) * seconds) if len(own) and seconds is not None else MISSING


def _arms(times_to: pd.DataFrame, times: Times, depth: int, last: float) -> dict[str, Censored]:
    """Seconds to the threshold by activation, at a depth where training ends at step `last`."""
    arms = {}
    for name in times.series:
        own = times_to[times_to["series"] == name]
        seconds = step_seconds(times.timing, name, depth, times.width)
        if len(own) and seconds is not None:
            steps = censored(own, last)
            arms[name] = Censored(steps.times * seconds, steps.reached)
    return arms


def _restricted(arms: dict[str, Censored], name: str) -> str:
    if name not in arms:
        return MISSING
    horizon = common_horizon(list(arms.values()))
    mean = float(restricted_mean(arms[name].times, arms[name].reached, horizon))
    share = percent(float(np.mean(arms[name].reached)))
    return MISSING if math.isnan(mean) else f"{duration(mean)} ({share.replace('.0%', '%')})"
