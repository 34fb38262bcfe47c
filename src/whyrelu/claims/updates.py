"""C14: each step changes the weights only a little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from whyrelu.claims.comparison import Values, clearest, weakest
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import EQUIVALENT, INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import between, listed, number, percent
from whyrelu.statistics.equivalence import equivalence_p
from whyrelu.statistics.welch import trend

_QUANTITY = "relative update of the first layer per unit of learning rate, per doubling of depth"
_RAW = "relative update of the first layer as it is, per doubling of depth"


def decide(evidence: Evidence, activation: str, optimizers: list[str], change: float, alpha: float) -> Findings:
    """Fit ln(norm(update) / norm(W) / lr) of the first layer, mean over the steps of a run, over log2 depth.

    An update is proportional to the learning rate, which is tuned for each depth and falls over the steps: lr is the
    one in effect at the step that was measured. Without the division the trend would be that of tuning as well; it is
    tested beside.

    Args:
        evidence: of the study.
        activation: whose updates are said to become small.
        optimizers: with which it should be measured; those that a study lacks are named.
        change: the update is the same at all depths if it is multiplied per doubling by a number between its inverse
            and it.
        alpha: level of the tests.
    """
    if evidence.lacking(activation):
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    name = str(evidence.series(activation))
    first = _mean_log_updates(evidence)
    if first[first["facet"] == evidence.reference].empty:
        return not_tested("diagnostics of training", evidence.train_command(diagnostics="full"))
    margin = math.log(change)
    tests: list[Test] = []
    arms: list[_Arm] = []
    for optimizer, facet in evidence.siblings("optimizer").items():
        rows = first[first["facet"] == facet]
        for series in dict.fromkeys([name, *rows["series"]]):
            own = rows[rows["series"] == series]
            if own["depth"].nunique() < 2:
                continue
            named = {"comparison": f"{series}, optimizer={optimizer}", "facet": facet}
            further = "" if series == name else "others"
            tests.append(_trend_test(own, "update", margin, alpha, quantity=_QUANTITY, family=further, **named))
            tests.append(_trend_test(own, "raw", margin, alpha, quantity=_RAW, family=f"{further} raw", **named))
            if series == name:
                arms.append(_Arm(optimizer, own, int((evidence.runs_of(facet)["series"] == series).sum())))
    if not arms:
        return not_tested("two depths or more", evidence.train_command(depth="2,4,8,16"))
    missing = set(optimizers) - {arm.optimizer.partition(" ")[0] for arm in arms}

    def conclude(found: Sequence[Test]) -> Verdict:
        own = [test for test in found if not test.family]
        refuting = [test for test in own if test.outcome in ("higher", EQUIVALENT)]
        unsettled = [test for test in own if test.outcome == INCONCLUSIVE]
        verdict = REFUTED if refuting else INCONCLUSIVE if unsettled else SUPPORTED
        main = clearest(refuting) if refuting else weakest(unsettled or own)
        raw = [test for test in found if test.family == " raw"]
        told = [(test is main, _sentence(name, arm, test, it)) for arm, test, it in zip(arms, own, raw, strict=True)]
        # the one that decides first
        parts = [text for is_main in (True, False) for decides, text in told if decides == is_main]
        command = "`dvc exp run -S study=mechanisms`"
        sentence = f"not measured with {listed(sorted(missing))} ({command}); " if missing else ""
        sentence += "; ".join(parts)
        verdict_of = Verdict.of(verdict, sentence, main, runs=sum(test.n for test in own))
        return verdict_of.exponential("factor per doubling of depth")

    return Findings(tests, conclude)


class _Arm(NamedTuple):
    """The runs with one optimizer: rows of `_mean_log_updates`, and how many were trained."""

    optimizer: str
    rows: pd.DataFrame
    runs: int


def _trend_test(rows: pd.DataFrame, column: str, margin: float, alpha: float, **named: Any) -> Test:
    groups = {depth: group[column].to_numpy("float64") for depth, group in by_depth(rows).items()}
    slope = trend(list(groups.values()), np.log2(list(groups)))
    estimate, has_none = slope.estimate(), bool((rows["none"] > 0).any())

    def decide(p_adjusted: float, p_equality: float) -> str:
        if p_adjusted < alpha and estimate.high < 0:
            return "lower"
        # steps that changed nothing count with more than they were, and could make a rise or equality of a fall
        if has_none:
            return INCONCLUSIVE
        if p_adjusted < alpha and estimate.low > 0:
            return "higher"
        return EQUIVALENT if p_equality < alpha else INCONCLUSIVE

    return Test(
        effect=estimate.value,
        unit="ln ratio",
        low=estimate.low,
        high=estimate.high,
        n_first=len(rows),
        p=slope.p(),
        p_equality=equivalence_p(slope, margin),
        decide=decide,
        **named,
    )


def _sentence(name: str, arm: _Arm, test: Test, raw: Test) -> str:
    """What was measured with one optimizer."""
    rows, epochs = arm.rows, sorted(set(arm.rows["epochs"]))
    when = "the last epoch" if epochs == [1] else f"{epochs[-1]} epochs"
    told = (
        f"with {arm.optimizer} the relative update of {name}'s first layer per unit of learning rate is multiplied by "
        f"{_factor(test)} per doubling of depth ({_ends(rows, 'update')}; in the middle of {when}); "
        f"as it is, tuned rates and all, by {_factor(raw)} ({_ends(rows, 'raw')})"
    )
    if none := float(rows["none"].mean()):
        told += f"; {percent(none)} of these steps change no weight and count with the smallest change"
    if unseen := arm.runs - len(rows):
        told += f"; {unseen} of {arm.runs} runs have no such step (they diverged before) and are left out"
    return told


def _ends(rows: pd.DataFrame, column: str) -> str:
    groups = by_depth(rows)
    values = [
        f"{number(math.exp(groups[depth][column].mean()))} at depth {depth}" for depth in (min(groups), max(groups))
    ]
    return " and ".join(values)


def _factor(test: Test) -> str:
    return " ".join(filter(None, [number(math.exp(test.effect)), between(math.exp(test.low), math.exp(test.high))]))


def rate_in_effect(lr: ArrayLike, schedule: str, step: ArrayLike, steps: ArrayLike) -> Values:
    """The learning rate of a training step, as `whyrelu.training.classifier` schedules it.

    Args:
        lr: of the run, any shape.
        schedule: "constant" or "cosine".
        step: from 0, of the same shape.
        steps: that the run has if it is not stopped, of the same shape.
    """
    rate = np.asarray(lr, dtype=np.float64)
    if schedule == "constant":
        return rate
    passed = np.asarray(step, dtype=np.float64) / np.asarray(steps, dtype=np.float64)
    return np.asarray(rate * (1 + np.cos(np.pi * passed)) / 2, dtype=np.float64)


def _mean_log_updates(evidence: Evidence) -> pd.DataFrame:
    """Per run, means over the epochs that were looked at of ln of the relative update of layer 1.

    Steps below the resolution of the weights change none of them. To leave them out would keep just the largest, so
    they count with the smallest update of the study.

    Returns:
        columns run_id, series, facet, depth, `update` (per unit of the learning rate in effect), `raw` (as it is),
        `none` (share of steps that change no weight), `epochs` (how many were looked at).
    """
    layers, runs = evidence.layers, evidence.runs
    runs = runs if "schedule" in runs else runs.assign(schedule=evidence.common["schedule"])
    first = layers[(layers["layer"] == 1) & (layers["update"] >= 0)]
    first = first.merge(runs[["run_id", "lr", "epochs", "steps", "schedule"]], on="run_id")
    updates = first["update"].to_numpy("float64")
    least = updates[updates > 0].min(initial=np.inf)
    if not np.isfinite(least):
        first, updates = first.iloc[:0], updates[:0]
    # a run that diverged stopped early: its steps are those of the epochs that it was looked at
    trained = first["run_id"].map(layers.groupby("run_id")["epoch"].max()).to_numpy("int64")
    per_epoch = first["steps"].to_numpy("int64") // trained
    # the middle step of the epoch, as whyrelu.diagnostics.callback has it
    step = (first["epoch"].to_numpy("int64") - 1) * per_epoch + per_epoch // 2
    total = first["epochs"].to_numpy("int64") * per_epoch
    rates = np.empty(len(first))
    for schedule in first["schedule"].unique():
        own = (first["schedule"] == schedule).to_numpy("bool")
        rates[own] = rate_in_effect(first["lr"].to_numpy("float64")[own], schedule, step[own], total[own])
    raw = np.log(np.maximum(updates, least))
    table = first.assign(raw=raw, update=raw - np.log(rates), none=(updates == 0).astype("float64"))
    groups = table.groupby(["run_id", "series", "facet", "depth"], sort=False)
    means = groups[["update", "raw", "none"]].mean()
    return means.assign(epochs=groups["epoch"].nunique()).reset_index()
