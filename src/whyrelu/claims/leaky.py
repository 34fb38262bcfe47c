"""C11: leaky ReLU has no dead units, and is no worse for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyrelu.claims.comparison import Question, clearest, compare, left_out, split, strata
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import INCONCLUSIVE, NOT_WORSE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, of_test, outcomes, percent
from whyrelu.statistics.decision import Rule
from whyrelu.statistics.proportions import upper_bound_of_none, wilson_interval

_ACCURACY = "test accuracy"
_WORDS = {
    "better": "better",
    NOT_WORSE: "within the margin or better",
    "worse": "worse",
    INCONCLUSIVE: "not settled",
}


def decide(
    evidence: Evidence,
    activation: str,
    reference: str,
    margin: float,
    superiority: float,
    alpha: float,
) -> Findings:
    """Count runs with any dead unit at the end, and test that accuracy is at most a margin below that of the reference.

    Args:
        evidence: of the study.
        activation: that is said to have no dead units.
        reference: the accuracy of which it is said to keep.
        margin: of accuracy, fraction of 1.
        superiority: least P(activation > reference) that counts as better.
        alpha: level of the tests.
    """
    if lacking := evidence.lacking(activation, reference):
        return not_tested(f"runs of {' and '.join(lacking)}", evidence.command_for(activation, reference))
    names = first, second = str(evidence.series(activation)), str(evidence.series(reference))
    runs, facet = evidence.runs_of(), evidence.reference
    known = {name: runs[(runs["series"] == name) & runs["dead_end"].notna()] for name in names}
    if any(known[name].empty for name in names):
        return not_tested("diagnostics of both activations", evidence.train_command(diagnostics="summary"))
    counts = {name: (int((table["dead_end"] > 0).sum()), len(table)) for name, table in known.items()}
    intervals = {name: wilson_interval(*counts[name]) for name in names}
    tests = [
        Test(
            comparison=name,
            quantity="runs with a dead unit at the end",
            effect=100 * counts[name][0] / counts[name][1],
            unit="points",
            low=100 * intervals[name].low,
            high=100 * intervals[name].high,
            n_first=counts[name][1],
            facet=facet,
            outcome="none" if counts[name][0] == 0 else "some",
        )
        for name in names
    ]
    rule = Rule(superiority, margin, alpha)
    question = Question(_ACCURACY, first, second, rule, margin, ("better", "worse"), facet=facet, one_sided=True)
    accuracies = compare(question, strata(runs, "test_accuracy", first, second))
    if not accuracies:
        return not_tested(f"runs of {first} and {second} at the same depths", evidence.command_for(*names))
    tests += accuracies

    def conclude(found: Sequence[Test]) -> Verdict:
        at_depths = [test for test in found if test.quantity == _ACCURACY and test.depth is not None]
        dead, n = counts[first]
        kept = all(test.outcome in ("better", NOT_WORSE) for test in at_depths)
        worse = split(at_depths, outcome="worse")
        verdict = REFUTED if dead or worse else SUPPORTED if kept else INCONCLUSIVE
        main = found[-1]
        if dead:
            main = split(found, comparison=first)[0]
        elif worse:
            main = clearest(worse)
        elif not kept:
            still_open = [test for test in at_depths if test.outcome not in ("better", NOT_WORSE)]
            # where it is least clear that it is no worse; a single run has no p at all
            main = max(still_open, key=lambda test: np.nan_to_num(test.p_equality_adjusted, nan=np.inf))
        means = [percent(float(known[name]["dead_end"].mean())) for name in names]
        bound = f"upper one-sided 95% confidence bound: {percent(upper_bound_of_none(n))} of runs"
        sentence = (
            f"{dead} of {n} {first} runs end with a dead unit ({bound if not dead else _share(dead, n)}) and "
            f"{counts[second][0]} of {counts[second][1]} {second} runs (mean fraction {means[0]} and {means[1]})"
            f"{left_out(runs, 'dead_end', *names)}; "
            f"accuracy of {first} is {outcomes(at_depths, _WORDS)}, difference {of_test(found[-1])}{evidence.where}"
        )
        sentence += advice(at_depths) if verdict == INCONCLUSIVE else ""
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in at_depths))

    return Findings(tests, conclude)


def _share(count: int, n: int) -> str:
    interval = wilson_interval(count, n)
    return f"{percent(count / n)} [{percent(interval.low)}, {percent(interval.high)}]"
