"""C7: sigmoids are easier to saturate."""

from __future__ import annotations

from collections.abc import Sequence

from whyrelu.claims.comparison import Question, at_every_depth, compare, split, strata
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import INCONCLUSIVE, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, of_test, outcomes, percent
from whyrelu.statistics.decision import Rule

_WORDS = {"higher": "higher", "lower": "lower", "equivalent": "equal within the margin", INCONCLUSIVE: "not told apart"}
_MOMENTS = {"init": "saturated units at init", "training": "saturated units through training"}


def decide(
    evidence: Evidence,
    activation: str,
    reference: str,
    superiority: float,
    difference: float,
    alpha: float,
    margin: float,
) -> Findings:
    """Compare the fraction of saturated units, mean over layers, at init and over all epochs after it.

    Args:
        evidence: of the study.
        activation: that is said to saturate more.
        reference: than this one.
        superiority: least P(activation > reference) that counts as more.
        difference: least difference of mean fractions that counts as more.
        alpha: level of the permutation tests.
        margin: within which fractions count as equal.
    """
    if lacking := evidence.lacking(activation, reference):
        return not_tested(f"runs of {' and '.join(lacking)}", evidence.command_for(activation, reference))
    layers = evidence.layers_of()
    rows = layers.groupby([layers["run_id"], layers["epoch"] > 0])["saturated"].mean().unstack()
    runs = evidence.runs_of()
    runs = runs.assign(
        **{
            name: runs["run_id"].map(rows[late]) if late in rows else float("nan")
            for name, late in (("init", False), ("training", True))
        }
    )
    first, second = str(evidence.series(activation)), str(evidence.series(reference))
    rule, facet = Rule(superiority, difference, alpha), evidence.reference
    tests: list[Test] = []
    for column, quantity in _MOMENTS.items():
        question = Question(quantity, first, second, rule, margin, facet=facet)
        tests += compare(question, strata(runs, column, first, second))
    if not all(split(tests, quantity=quantity) for quantity in _MOMENTS.values()):
        return not_tested("diagnostics of both activations", evidence.train_command(diagnostics="full"))
    means = {
        (name, column): float(runs.loc[runs["series"] == name, column].mean())
        for name in (first, second)
        for column in _MOMENTS
    }

    def conclude(found: Sequence[Test]) -> Verdict:
        by_depth = [test for test in found if test.depth is not None]
        verdict = at_every_depth(by_depth, "higher", ("lower", "equivalent"))
        parts = []
        for column, quantity in _MOMENTS.items():
            own = split(by_depth, quantity=quantity)
            when = "at init" if column == "init" else "over training"
            parts.append(
                f"{when} {percent(means[first, column])} of {first} units are saturated and "
                f"{percent(means[second, column])} of {second} units ({outcomes(own, _WORDS)})"
            )
        main = split(found, quantity=_MOMENTS["training"])[-1]
        sentence = (
            f"{'; '.join(parts)}; a unit counts if its slope is at most 5% of the maximum, as for every ReLU that is "
            f"off; difference over training {of_test(main)}{evidence.where}"
        )
        return Verdict.of(verdict, sentence + (advice(by_depth) if verdict == INCONCLUSIVE else ""), main)

    return Findings(tests, conclude)
