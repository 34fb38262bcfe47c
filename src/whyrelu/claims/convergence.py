"""C18: ReLU converges faster."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from whyrelu.claims.comparison import Question, at_every_depth, clearest, compare, split, strata, weakest
from whyrelu.claims.declaration import of_data
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.times import SECONDS_TO, step_seconds
from whyrelu.claims.verdict import EQUIVALENT, INCONCLUSIVE, REFUTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, each_depth, listed, number, of_test, outcomes, percent
from whyrelu.results.convergence import censored
from whyrelu.statistics.decision import Rule
from whyrelu.statistics.summaries import seed_of
from whyrelu.statistics.survival import Censored, common_horizon, logrank_p, restricted_mean_difference

_WORDS = {
    "better": "larger",
    "worse": "smaller",
    EQUIVALENT: "equal within the margin",
    INCONCLUSIVE: "not told apart",
}
_AREA = "area under the validation curve"
_STEPS = "steps to a validation accuracy of {}"


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
    names = first, second = str(evidence.series(activation)), str(evidence.series(reference))
    facet, rule = evidence.reference, Rule(superiority, difference, alpha)
    runs = evidence.runs_of().merge(evidence.run_convergence, on="run_id")
    question = Question(_AREA, first, second, rule, margin, ("better", "worse"), facet=facet)
    areas = compare(question, strata(runs, "area", first, second))
    if not areas:
        need = f"runs of {first} and {second} at the same depths"
        return not_tested(need, evidence.command_for(activation, reference))
    times: list[Test] = []
    # of training: all runs of a facet have as many epochs, but those that diverged
    end = float(runs["steps"].max())
    declared = of_data(thresholds, str(runs["data"].iloc[0]))
    for threshold in declared:
        own = runs.merge(evidence.convergence[evidence.convergence["threshold"] == threshold], on="run_id")
        for depth in [test.depth for test in areas if test.depth is not None]:
            at_depth = own[(own["depth"] == depth) & own["series"].isin(names)]
            arms = [censored(at_depth[at_depth["series"] == name], end) for name in names]
            times.append(_time_test(names, arms, threshold, depth, facet, alpha))
            seconds = [step_seconds(evidence.timing, name, depth, runs["width"].iloc[0]) for name in names]
            if all(value is not None for value in seconds):
                scaled = [
                    Censored(arm.times * float(value or 0), arm.reached)
                    for arm, value in zip(arms, seconds, strict=True)
                ]
                times.append(_time_test(names, scaled, threshold, depth, facet, alpha, "seconds"))
    shares = {
        name: evidence.convergence[evidence.convergence["run_id"].isin(runs.loc[runs["series"] == name, "run_id"])]
        .groupby("threshold")["reached"]
        .mean()
        for name in names
    }

    def conclude(found: Sequence[Test]) -> Verdict:
        by_depth = [test for test in split(found, quantity=_AREA) if test.depth is not None]
        later = [test for test in found if test.quantity != _AREA]
        # the claim is decided in steps; seconds are told beside
        steps = split(later, unit="steps")
        together = [_together(test, split(steps, depth=test.depth)) for test in by_depth]
        verdict = at_every_depth([test for test, _ in together], "faster", ("slower",))
        overall = split(found, quantity=_AREA)[-1]
        in_seconds = split(later, unit="seconds")
        sentence = "decided in steps; " if in_seconds else "in steps, as seconds need timing.json: "
        sentence += (
            f"the area under {first}'s validation curve is {outcomes(by_depth, _WORDS)}, compared with {second}'s "
            f"({of_test(overall)})"
        )
        for threshold in declared:
            if not any(shares[name][threshold] for name in names):
                sentence += f"; no run of either reaches a validation accuracy of {number(threshold)}"
                continue
            own = split(later, quantity=_STEPS.format(number(threshold)))
            reached = [f"{percent(float(shares[name][threshold]))} of {name}" for name in names]
            sentence += (
                f"; {listed(reached)} runs reach a validation accuracy of {number(threshold)}, "
                f"{first} earlier by this many steps: {each_depth(own)}"
            )
            if timed := split(in_seconds, quantity=SECONDS_TO.format(number(threshold))):
                sentence += f" (and, on the machine that was timed, by this many seconds: {each_depth(timed)})"
        sentence += advice(by_depth) if verdict == INCONCLUSIVE else ""
        main = overall
        if verdict == REFUTED:
            main = clearest([shown for test, shown in together if test.outcome == "slower"])
        elif verdict == INCONCLUSIVE:
            main = weakest([shown for test, shown in together if test.outcome == INCONCLUSIVE])
        return Verdict.of(verdict, sentence + evidence.where, main, runs=sum(test.n for test in by_depth))

    return Findings([*areas, *times], conclude)


def _together(area: Test, steps: Sequence[Test]) -> tuple[Test, Test]:
    """One depth: "faster" if the area is larger, and some threshold is reached earlier and none later.

    Returns:
        the area with that outcome, and the test that decided: if the area is larger, and it is open still, that of
        steps which stands in the way.
    """
    earlier, later = split(steps, outcome="faster"), split(steps, outcome="slower")
    outcome, shown = INCONCLUSIVE, area
    if area.outcome == "better" and earlier and not later:
        outcome = "faster"
    elif area.outcome in ("worse", EQUIVALENT) and not earlier:
        outcome = "slower"
    elif area.outcome == "better":
        shown = clearest(later or steps)
    return dataclasses.replace(area, outcome=outcome), shown


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
    quantity = (_STEPS if unit == "steps" else SECONDS_TO).format(number(threshold))
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
        timed=unit == "seconds",
    )
    saved = restricted_mean_difference(
        second, first, common_horizon(arms), seed_of(f"{facet}, {quantity}, {base.comparison}, {depth}")
    )

    def decide(p_adjusted: float, _: float) -> str:
        if not p_adjusted < alpha:
            return INCONCLUSIVE
        return "faster" if saved.low > 0 else "slower" if saved.high < 0 else INCONCLUSIVE

    p = logrank_p(second, first)
    return dataclasses.replace(base, effect=saved.value, low=saved.low, high=saved.high, p=p, decide=decide)
