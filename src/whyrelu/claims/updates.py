"""C14: each step changes the weights only a little."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from whyrelu.claims.comparison import Values
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, NAN, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import between, listed, number, percent
from whyrelu.statistics.summaries import Estimate

_QUANTITY = "relative update of the first layer, per doubling of depth"


def decide(
    evidence: Evidence, activation: str, optimizers: list[str], change: float, alpha: float, confidence: float
) -> Findings:
    """Fit ln(norm(update) / norm(W)) of the first layer, mean over the epochs of a run, over log2 depth.

    Args:
        evidence: of the study.
        activation: whose updates are said to become small.
        optimizers: with which it should be measured; those that a study lacks are named.
        change: the update is the same at all depths if it is multiplied per doubling by a number between its inverse
            and it.
        alpha: level of the tests.
        confidence: of the interval that has to lie within that margin.
    """
    if evidence.lacking(activation):
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    name = str(evidence.series(activation))
    first = _mean_log_updates(evidence.layers)
    if first[first["facet"] == evidence.reference].empty:
        return not_tested("diagnostics of training", evidence.train_command(diagnostics="full"))
    margin = math.log(change)
    tests: list[Test] = []
    ends: dict[str, str] = {}
    for optimizer, facet in evidence.siblings("optimizer").items():
        rows = first[first["facet"] == facet]
        for series in dict.fromkeys([name, *rows["series"]]):
            groups = _groups(rows[rows["series"] == series])
            if len(groups) < 2:
                continue
            trend, p = welch_trend(list(groups.values()), np.log2(list(groups)))
            narrow, _ = welch_trend(list(groups.values()), np.log2(list(groups)), confidence)
            shallow, deep = min(groups), max(groups)
            if series == name:
                values = [number(math.exp(groups[depth].mean())) for depth in (shallow, deep)]
                ends[optimizer] = f"{values[0]} at depth {shallow} and {values[1]} at depth {deep}"
            tests.append(
                Test(
                    comparison=f"{series}, optimizer={optimizer}",
                    quantity=_QUANTITY,
                    effect=trend.value,
                    unit="ln ratio",
                    low=trend.low,
                    high=trend.high,
                    n_first=sum(len(group) for group in groups.values()),
                    facet=facet,
                    p=p,
                    family="" if series == name else "others",
                    decide=_Decision(trend, narrow, margin, alpha),
                )
            )
    main = [test for test in tests if not test.family]
    if not main:
        return not_tested("two depths or more", evidence.train_command(depth="2,4,8,16"))
    missing = set(optimizers) - {name.partition(" ")[0] for name in ends}

    def conclude(found: Sequence[Test]) -> Verdict:
        own = [test for test in found if not test.family]
        outcomes = {test.outcome for test in own}
        verdict = SUPPORTED if outcomes == {"lower"} else INCONCLUSIVE
        if outcomes & {"higher", "equivalent"}:
            verdict = REFUTED
        parts = []
        for test in own:
            optimizer = test.comparison.partition(", optimizer=")[2]
            interval = between(math.exp(test.low), math.exp(test.high))
            parts.append(
                f"with {optimizer} the relative update of {name}'s first layer is {ends[optimizer]}, "
                f"multiplied by {number(math.exp(test.effect))} {interval} per doubling of depth"
            )
        lacking = f"not measured with {listed(sorted(missing))} (`make study STUDY=mechanisms`); " if missing else ""
        sentence = lacking + "; ".join(parts)
        if none := _share_of_none(evidence, name):
            sentence += f"; {percent(none)} of its steps change no weight in float32 and count with the smallest change"
        return Verdict.of(verdict, sentence, own[0]).exponential("factor per doubling of depth")

    return Findings(tests, conclude)


class _Decision:
    """The outcome of a trend: lower or higher by its interval, equivalent if a narrower one is within the margin."""

    def __init__(self, trend: Estimate, narrow: Estimate, margin: float, alpha: float) -> None:
        self._trend, self._narrow, self._margin, self._alpha = trend, narrow, margin, alpha

    def __call__(self, p_adjusted: float) -> str:
        if p_adjusted < self._alpha and self._trend.high < 0:
            outcome = "lower"
        elif p_adjusted < self._alpha and self._trend.low > 0:
            outcome = "higher"
        else:
            outcome = INCONCLUSIVE
        # a difference that is sure to be smaller than the margin is none
        is_small = -self._margin < self._narrow.low and self._narrow.high < self._margin
        return "equivalent" if is_small else outcome


def welch_trend(groups: Sequence[Values], positions: Values, confidence: float = 0.95) -> tuple[Estimate, float]:
    """Slope of a line through the means of groups, which may differ in spread, and p of no slope.

    A linear contrast of means with the variance and the degrees of freedom of Welch 1951 and Satterthwaite 1946.

    Args:
        groups: one array of runs each, shapes (runs,), at least two.
        positions: shape (groups,), not all the same.
        confidence: level of the interval.

    Returns:
        interval and p are nan if a group has a single run.
    """
    centred = np.asarray(positions, dtype=np.float64) - np.mean(positions)
    weights = centred / np.sum(centred**2)
    slope = float(np.sum(weights * [np.mean(group) for group in groups]))
    if min(len(group) for group in groups) < 2:
        return Estimate(slope, NAN, NAN), NAN
    parts = np.array([w**2 * np.var(group, ddof=1) / len(group) for w, group in zip(weights, groups, strict=True)])
    total = float(parts.sum())
    if total == 0:
        return Estimate(slope, slope, slope), 0.0 if slope else 1.0
    freedom = total**2 / float(np.sum(parts**2 / [len(group) - 1 for group in groups]))
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * math.sqrt(total)
    p = 2 * float(stats.t.sf(abs(slope) / math.sqrt(total), freedom))
    return Estimate(slope, slope - half, slope + half), p


def _groups(rows: pd.DataFrame) -> dict[int, Values]:
    return {depth: group["update"].to_numpy("float64") for depth, group in by_depth(rows).items()}


def _share_of_none(evidence: Evidence, name: str) -> float:
    """The share of the steps measured in the first layer that left all weights as they were."""
    layers = evidence.layers
    updates = layers.loc[(layers["series"] == name) & (layers["layer"] == 1), "update"].dropna()
    return float((updates == 0).mean()) if len(updates) else 0.0


def _mean_log_updates(layers: pd.DataFrame) -> pd.DataFrame:
    """Per run, the mean over epochs of ln of the relative update of layer 1.

    Steps below the resolution of float32 change no weight. To leave them out would keep just the largest, so they count
    with the smallest update of the study, which makes a fall with depth look smaller than it is.
    """
    first = layers[(layers["layer"] == 1) & (layers["update"] >= 0)]
    updates = first["update"].to_numpy("float64")
    least = updates[updates > 0].min(initial=np.inf)
    if not np.isfinite(least):
        first, updates = first.iloc[:0], updates[:0]
    logs = first.assign(update=np.log(np.maximum(updates, least)))
    return logs.groupby(["run_id", "series", "facet", "depth"], sort=False)["update"].mean().reset_index()
