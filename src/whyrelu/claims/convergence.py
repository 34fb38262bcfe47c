"""C18: ReLU converges faster."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from whyrelu.claims.comparison import Question, at_every_depth, compare, split, strata
from whyrelu.claims.declaration import of_data
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.timing import common_horizon, step_seconds
from whyrelu.claims.verdict import INCONCLUSIVE, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, each_depth, listed, number, of_test, outcomes, percent
from whyrelu.statistics.decision import Rule
from whyrelu.statistics.summaries import seed_of
from whyrelu.statistics.survival import Censored, logrank_p, restricted_mean_difference

_WORDS = {
    "better": "larger",
    "worse": "smaller",
    "equivalent": "equal within the margin",
    INCONCLUSIVE: "not told apart",
}
_AREA = "area under the validation curve"
_STEPS = "steps to a validation accuracy of {}"
_SECONDS = "seconds to a validation accuracy of {}"


def decide(
    evidence: Evidence,
    activation: str,
    reference: str,
    thresholds: Mapping[str, list[float]],
    superiority: float,
    difference: float,
    alpha: float,
    margin: float,
) -> Findings:
    """Compare areas under the curves of validation accuracy, and censored times to thresholds, at every depth.

    Args:
        evidence: of the study.
        activation: that is said to be faster.
        reference: than this one.
        thresholds: of validation accuracy, for each data set or `default`.
        superiority: least P(activation > reference) of areas that counts as larger.
        difference: least difference of mean areas that counts as larger, fraction of 1.
        alpha: level of the tests.
        margin: within which areas count as equal, fraction of 1.
    """
    if lacking := evidence.lacking(activation, reference):
        return not_tested(f"runs of {' and '.join(lacking)}", evidence.command_for(activation, reference))
    first, second = str(evidence.series(activation)), str(evidence.series(reference))
    facet, rule = evidence.reference, Rule(superiority, difference, alpha)
    runs = evidence.runs_of().merge(evidence.run_convergence, on="run_id")
    question = Question(_AREA, first, second, rule, margin, ("better", "worse"), facet=facet)
    areas = compare(question, strata(runs, "area", first, second))
    if not areas:
        need = f"runs of {first} and {second} at the same depths"
        return not_tested(need, evidence.command_for(activation, reference))
    times: list[Test] = []
    declared = of_data(thresholds, str(runs["data"].iloc[0]))
    for threshold in declared:
        own = runs.merge(evidence.convergence[evidence.convergence["threshold"] == threshold], on="run_id")
        for depth in [test.depth for test in areas if test.depth is not None]:
            arms = _censored(own[own["depth"] == depth], (first, second))
            times.append(_time_test((first, second), arms, threshold, depth, facet, alpha))
            seconds = [step_seconds(evidence.timing, name, depth, runs["width"].iloc[0]) for name in (first, second)]
            if all(value is not None for value in seconds):
                scaled = [
                    Censored(arm.times * float(value or 0), arm.reached)
                    for arm, value in zip(arms, seconds, strict=True)
                ]
                times.append(_time_test((first, second), scaled, threshold, depth, facet, alpha, "seconds"))
    shares = {
        name: evidence.convergence[evidence.convergence["run_id"].isin(runs.loc[runs["series"] == name, "run_id"])]
        .groupby("threshold")["reached"]
        .mean()
        for name in (first, second)
    }

    def conclude(found: Sequence[Test]) -> Verdict:
        by_depth = [test for test in split(found, quantity=_AREA) if test.depth is not None]
        later = [test for test in found if test.quantity != _AREA]
        verdict = at_every_depth(
            [_together(test, split(later, depth=test.depth)) for test in by_depth], "faster", ("slower",)
        )
        main = split(found, quantity=_AREA)[-1]
        in_seconds = any(test.unit == "seconds" for test in later)
        sentence = "" if in_seconds else "in steps, as seconds need timing.json: "
        sentence += (
            f"the area under {first}'s validation curve is {outcomes(by_depth, _WORDS)}, compared with {second}'s "
            f"({of_test(main)})"
        )
        for threshold in declared:
            own = split(later, quantity=_STEPS.format(number(threshold)))
            reached = [f"{percent(float(shares[name][threshold]))} of {name}" for name in (first, second)]
            sentence += (
                f"; {listed(reached)} runs reach a validation accuracy of {number(threshold)}, "
                f"{first} earlier by this many steps: {each_depth(own)}"
            )
        sentence += advice(by_depth) if verdict == INCONCLUSIVE else ""
        return Verdict.of(verdict, sentence + evidence.where, main)

    return Findings([*areas, *times], conclude)


def _together(area: Test, times: Sequence[Test]) -> Test:
    """One depth: "faster" if the area is larger, and some threshold is reached earlier and none later."""
    outcomes = {test.outcome for test in times}
    outcome = INCONCLUSIVE
    if area.outcome == "better" and "faster" in outcomes and "slower" not in outcomes:
        outcome = "faster"
    elif area.outcome in ("worse", "equivalent") and "faster" not in outcomes:
        outcome = "slower"
    return dataclasses.replace(area, outcome=outcome)


def _censored(runs: pd.DataFrame, names: tuple[str, str]) -> list[Censored]:
    """Times of two arms at one depth; a run that diverged has reached nothing until the last step of the others."""
    last = runs.loc[runs["series"].isin(names), "step"].max()
    arms = []
    for name in names:
        own = runs[runs["series"] == name]
        arms.append(
            Censored(own["step"].where(own["reached"], last).to_numpy("float64"), own["reached"].to_numpy("bool"))
        )
    return arms


def _time_test(
    names: tuple[str, str],
    arms: Sequence[Censored],
    threshold: float,
    depth: int,
    facet: str,
    alpha: float,
    unit: str = "steps",
) -> Test:
    """What the first arm saves: restricted mean of the second minus that of the first, up to the last step of both."""
    first, second = arms
    quantity = (_STEPS if unit == "steps" else _SECONDS).format(number(threshold))
    base = Test(
        comparison=f"{names[1]} - {names[0]}",
        quantity=quantity,
        effect=0.0,
        unit=unit,
        n_first=len(second.times),
        n_second=len(first.times),
        depth=depth,
        facet=facet,
        family=unit,
    )
    saved = restricted_mean_difference(
        second, first, common_horizon(arms), seed_of(f"{facet}, {quantity}, {base.comparison}, {depth}")
    )

    def decide(p_adjusted: float) -> str:
        if not p_adjusted < alpha:
            return INCONCLUSIVE
        return "faster" if saved.low > 0 else "slower" if saved.high < 0 else INCONCLUSIVE

    p = logrank_p(second, first)
    return dataclasses.replace(base, effect=saved.value, low=saved.low, high=saved.high, p=p, decide=decide)
