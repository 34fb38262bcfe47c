"""C7: sigmoids are easier to saturate."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from whyrelu.claims.comparison import Question, at_every_depth, compare, left_out, split, strata, telling
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import EQUIVALENT, INCONCLUSIVE, REFUTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, of_test, outcomes, percent
from whyrelu.statistics.decision import Rule

_WORDS = {"higher": "higher", "lower": "lower", EQUIVALENT: "equal within the margin", INCONCLUSIVE: "not told apart"}
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

    One epoch is not all of training: if only some of them were looked at, the claim can be refuted at init and not be
    supported.

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
    first, second = str(evidence.series(activation)), str(evidence.series(reference))
    rows = layers.groupby([layers["run_id"], layers["epoch"] > 0])["saturated"].mean().unstack()
    runs = evidence.runs_of()
    runs = runs.assign(
        **{
            name: runs["run_id"].map(rows[late]) if late in rows else float("nan")
            for name, late in (("init", False), ("training", True))
        }
    )
    rule, facet = Rule(superiority, difference, alpha), evidence.reference
    moments = dict(_MOMENTS)
    if not _every_epoch(layers[layers["series"].isin((first, second))]):
        del moments["training"]
    tests: list[Test] = []
    for column, quantity in moments.items():
        question = Question(quantity, first, second, rule, margin, facet=facet)
        tests += compare(question, strata(runs, column, first, second), families=len(moments))
    measured = [column for column, quantity in moments.items() if split(tests, quantity=quantity)]
    command = evidence.train_command(diagnostics="full")
    lacking_training = not_tested("diagnostics of every epoch", command)
    if not measured:
        return lacking_training
    means = {
        (name, column): float(runs.loc[runs["series"] == name, column].mean())
        for name in (first, second)
        for column in _MOMENTS
    }

    def conclude(found: Sequence[Test]) -> Verdict:
        by_depth = [test for test in found if test.depth is not None]
        refuting = ("lower", EQUIVALENT)
        verdict = at_every_depth(by_depth, "higher", refuting)
        if len(measured) < len(_MOMENTS) and verdict != REFUTED:
            return lacking_training.conclude(found)
        parts = []
        for column in measured:
            own = split(by_depth, quantity=_MOMENTS[column])
            when = "at init" if column == "init" else "over training"
            parts.append(
                f"{when} {percent(means[first, column])} of {first} units are saturated and "
                f"{percent(means[second, column])} of {second} units ({outcomes(own, _WORDS)})"
            )
        if len(measured) < len(_MOMENTS):
            parts.append(f"training was not looked at after every epoch (`{command}`), and one moment refutes")
        overall = split(found, quantity=_MOMENTS[measured[-1]])[-1]
        sentence = (
            f"{'; '.join(parts)}; a unit counts if its slope is at most 5% of the maximum, as for every ReLU that is "
            f"off; difference {'over training' if 'training' in measured else 'at init'} {of_test(overall)}"
            f"{evidence.where}{left_out(runs, measured[-1], first, second)}"
        )
        sentence += advice(by_depth) if verdict == INCONCLUSIVE else ""
        main = telling(verdict, by_depth, "higher", refuting, pooled=overall)
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in by_depth) // len(measured))

    return Findings(tests, conclude)


def _every_epoch(layers: pd.DataFrame) -> bool:
    """Whether runs were looked at after every epoch that they trained."""
    epochs = layers.groupby("run_id")["epoch"]
    # epoch 0 is one more
    return bool((epochs.nunique() == epochs.max() + 1).all())
