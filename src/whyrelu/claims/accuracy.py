"""C17: ReLU gives better models. The contrasts of all other activations with it are tested beside."""

from __future__ import annotations

from collections.abc import Sequence

from whyrelu.claims.comparison import Question, at_every_depth, compare, split, strata, telling
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import EQUIVALENT, INCONCLUSIVE, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, each_depth, of_test, outcomes, percent, signed
from whyrelu.statistics.decision import Rule

_QUANTITY = "test accuracy"
_OTHERS = "others"


def decide(
    evidence: Evidence,
    activation: str,
    reference: str,
    superiority: float,
    difference: float,
    alpha: float,
    margin: float,
) -> Findings:
    """Compare test accuracies of all runs, failed ones included, at every depth.

    Args:
        evidence: of the study.
        activation: that is said to be better.
        reference: than this one.
        superiority: least P(activation > reference) that counts as better.
        difference: least difference of means that counts as better, fraction of 1.
        alpha: level of the permutation tests.
        margin: within which accuracies count as equal, fraction of 1.
    """
    runs, facet, rule = evidence.runs_of(), evidence.reference, Rule(superiority, difference, alpha)
    known = list(dict.fromkeys(runs["series"]))
    base = evidence.series(activation) or known[0]
    main, other = (evidence.series(name) for name in (activation, reference))
    tests: list[Test] = []
    for name in known:
        if name != base:
            family = "" if (base, name) == (main, other) else _OTHERS
            question = Question(_QUANTITY, base, name, rule, margin, ("better", "worse"), facet=facet, family=family)
            tests += compare(question, strata(runs, "test_accuracy", base, name))
    lacking = evidence.lacking(activation, reference)
    need = f"runs of {' and '.join(lacking)}"
    if not lacking and not split(tests, comparison=f"{main} - {other}"):
        need = f"runs of {main} and {other} at the same depths"
    elif not lacking:
        return Findings(tests, lambda found: _conclude(evidence, split(found, comparison=f"{main} - {other}")))
    missing = not_tested(need, evidence.command_for(activation, reference))
    return Findings(tests, missing.conclude)


def _conclude(evidence: Evidence, found: Sequence[Test]) -> Verdict:
    by_depth = [test for test in found if test.depth is not None]
    verdict = at_every_depth(by_depth, "better", ("worse", EQUIVALENT))
    last = found[-1]
    first, _, second = last.comparison.partition(" - ")
    sentence = f"{first} against {second} is {outcomes(by_depth, _WORDS)}; "
    sentence += f"difference in points: {each_depth(by_depth, signed)}"
    if last.depth is None:
        chance = percent(last.superiority)
        sentence += f"; over all depths {of_test(last)}, and a {first} run beats a {second} run in {chance} of pairs"
    if verdict == INCONCLUSIVE:
        sentence += advice(by_depth)
    main = telling(verdict, by_depth, "better", ("worse", EQUIVALENT), pooled=last)
    return Verdict.of(verdict, sentence + evidence.where, main, runs=sum(test.n for test in by_depth))


_WORDS = {
    "better": "better",
    "worse": "worse",
    EQUIVALENT: "equal within the margin",
    INCONCLUSIVE: "not told apart",
}
