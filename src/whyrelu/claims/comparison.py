"""Tests that claims are made of: two activations at every depth, and one activation against a bound."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whyrelu.claims.evidence import by_depth
from whyrelu.claims.verdict import EQUIVALENT, INCONCLUSIVE, NAN, NOT_WORSE, REFUTED, SUPPORTED, Test
from whyrelu.statistics.contrasts import Contrast, contrast, mirrored, within_reach
from whyrelu.statistics.decision import Rule, is_better
from whyrelu.statistics.equivalence import equivalence_p
from whyrelu.statistics.pooling import pooled, pooled_permutation_p, pooled_superiority
from whyrelu.statistics.power import (
    fewest_to_exchange,
    fewest_to_flip,
    seeds_for_equivalence,
    seeds_for_non_inferiority,
    seeds_needed,
)
from whyrelu.statistics.samples import all_equal
from whyrelu.statistics.summaries import Estimate, mean_interval, seed_of
from whyrelu.statistics.welch import Combination, combine

Values = NDArray[np.float64]
# More seeds than this are not a piece of advice.
MOST_SEEDS = 1000


class Stratum(NamedTuple):
    """The runs of two activations at one depth: one number per run, shapes (runs,)."""

    depth: int
    first: Values
    second: Values


@dataclasses.dataclass(frozen=True)
class Question:
    """What is compared, and by which rule it is decided.

    Attributes:
        quantity: in words, e.g. "test accuracy".
        first: series of the first arm.
        second: of the second.
        rule: when one counts as larger, in the unit of the values.
        margin: within which they count as equal, in the unit of the values.
        one_sided: whether it is enough that the first is no more than the margin below the second ("not worse").
        words: for a first arm that is larger, and smaller.
        unit: of the effect.
        scale: what values are multiplied by to be in the unit.
        facet: label of the runs.
        family: of the tests per depth, beside the claim's own name.
    """

    quantity: str
    first: str
    second: str
    rule: Rule
    margin: float
    words: tuple[str, str] = ("higher", "lower")
    unit: str = "points"
    scale: float = 100.0
    facet: str = ""
    family: str = ""
    one_sided: bool = False

    @property
    def comparison(self) -> str:
        """The two arms in words."""
        return f"{self.first} - {self.second}"

    def seed(self, depth: int | None) -> int:
        """Of the resampling: one of its own for everything that is compared, unless groups are large."""
        return seed_of(f"{self.facet}, {self.quantity}, {self.comparison}, depth={depth or 'all'}")


def strata(runs: pd.DataFrame, column: str, first: str, second: str) -> list[Stratum]:
    """The depths, ascending, at which two series have numbers in a column; `left_out` tells of runs without one."""
    known = runs[runs[column].notna()]
    arms = [
        {depth: group[column].to_numpy("float64") for depth, group in by_depth(known[known["series"] == name]).items()}
        for name in (first, second)
    ]
    return [Stratum(depth, arms[0][depth], arms[1][depth]) for depth in sorted(set(arms[0]) & set(arms[1]))]


def left_out(runs: pd.DataFrame, column: str, *series: str) -> str:
    """Which runs have no number in a column, as the end of a sentence; empty if all of some series have one."""
    own = runs[runs["series"].isin(series)]
    missing = own[own[column].isna()]
    if missing.empty:
        return ""
    diverged = int((missing["status"] == "diverged").sum())
    have, are = ("has", "is") if len(missing) == 1 else ("have", "are")
    return f"; {len(missing)} of {len(own)} runs {have} no such number and {are} left out (diverged: {diverged})"


def compare(question: Question, groups: Sequence[Stratum], families: int = 1) -> list[Test]:
    """One test per depth, and one of all depths together if there are several, last and with `depth` None.

    Args:
        question: that is asked.
        groups: depths.
        families: how many such sets of depths are corrected together, for advice on seeds.
    """
    tests = [_at_depth(question, group, families * len(groups)) for group in groups]
    return [*tests, _pooled(question, groups)] if len(groups) > 1 else tests


def _at_depth(question: Question, group: Stratum, family_size: int) -> Test:
    n_first, n_second = len(group.first), len(group.second)
    base = Test(
        comparison=question.comparison,
        quantity=question.quantity,
        effect=question.scale * float(group.first.mean() - group.second.mean()),
        unit=question.unit,
        n_first=n_first,
        n_second=n_second,
        depth=group.depth,
        facet=question.facet,
        family=question.family,
    )
    level = question.rule.alpha / family_size
    if min(n_first, n_second) < 2:
        return dataclasses.replace(base, seeds_needed=least_seeds(level))
    found = contrast(group.first, group.second, question.seed(group.depth))
    difference = combine((group.first, group.second), (1, -1))
    return _with(base, question, found, difference, _seeds_to_settle(question, group, found, level))


def _seeds_to_settle(question: Question, group: Stratum, found: Contrast, level: float) -> int | None:
    """Seeds with which what was seen would be equality, or else a difference, if the rule allows either at all."""
    rule, difference = question.rule, found.difference.value
    if question.one_sided and difference > -question.margin:
        return seeds_for_non_inferiority(group.first, group.second, question.margin, level, MOST_SEEDS)
    if abs(difference) < question.margin:
        return seeds_for_equivalence(group.first, group.second, question.margin, level, MOST_SEEDS)
    reached = max(found.superiority.value, 1 - found.superiority.value)
    if abs(difference) <= rule.difference or reached < rule.superiority:
        return None
    needed = seeds_needed(group.first, group.second, level, MOST_SEEDS)
    return None if needed is None else max(needed, least_seeds(level))


def _pooled(question: Question, groups: Sequence[Stratum]) -> Test:
    pairs = [(group.first, group.second) for group in groups]
    counts = [sum(len(pair[arm]) for pair in pairs) for arm in (0, 1)]
    base = Test(
        comparison=question.comparison,
        quantity=question.quantity,
        effect=question.scale * float(np.mean([first.mean() - second.mean() for first, second in pairs])),
        unit=question.unit,
        n_first=counts[0],
        n_second=counts[1],
        facet=question.facet,
        family=f"{question.family} pooled",
    )
    if min(len(arm) for pair in pairs for arm in pair) < 2:
        return base
    seed = question.seed(None)
    superiority, p = pooled_superiority(pairs, seed), pooled_permutation_p(pairs, seed)
    difference = pooled(pairs)
    found = Contrast(counts[0], counts[1], difference=difference.estimate(), g=NAN, superiority=superiority, p=p)
    return _with(base, question, found, difference, None)


def _with(base: Test, question: Question, found: Contrast, difference: Combination, needed: int | None) -> Test:
    def decide(p_adjusted: float, p_equality: float) -> str:
        if is_better(found, p_adjusted, question.rule):
            return question.words[0]
        if is_better(mirrored(found), p_adjusted, question.rule):
            return question.words[1]
        if p_equality < question.rule.alpha:
            return NOT_WORSE if question.one_sided else EQUIVALENT
        return INCONCLUSIVE

    margin = question.margin
    p_equality = difference.p_above(-margin) if question.one_sided else equivalence_p(difference, margin)
    return dataclasses.replace(
        base,
        effect=question.scale * found.difference.value,
        low=question.scale * found.difference.low,
        high=question.scale * found.difference.high,
        p=found.p,
        p_equality=p_equality,
        hedges_g=found.g,
        superiority=found.superiority.value,
        superiority_low=found.superiority.low,
        superiority_high=found.superiority.high,
        seeds_needed=needed,
        decide=decide,
    )


def least_seeds(level: float) -> int:
    """Seeds per arm below which no difference can be found, however large.

    The permutation test has a smallest p, and the interval of P(first > second) begins no higher than `within_reach`
    allows, which has to be above one half.
    """
    n = fewest_to_exchange(level)
    while within_reach(Estimate(1.0, 1.0, 1.0), n).low <= 0.5:
        n += 1
    return n


def against_bound(values: Values, bound: float, alpha: float, family_size: int = 1, **named: Any) -> Test:
    """A mean over runs against a bound: outcome above, below or inconclusive.

    It is on one side if its 95% interval is, and if Student's t test of its difference from the bound is significant.

    Args:
        values: shape (runs,), at least one.
        bound: in the unit of the values.
        alpha: level of the test.
        family_size: tests in the family, for advice on seeds.
        named: attributes of the test, `comparison`, `quantity`, `unit` among them.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Test(effect=mean, n_first=len(values), seeds_needed=2, **named)
    interval = mean_interval(values, seed_of(", ".join(str(value) for value in named.values())))
    p = combine([values], [1.0]).p(bound)

    def decide(p_adjusted: float, _: float) -> str:
        if p_adjusted < alpha and interval.low > bound:
            return "above"
        return "below" if p_adjusted < alpha and interval.high < bound else INCONCLUSIVE

    level = alpha / family_size
    # a second arm that does not vary makes Welch's test one of a single sample
    needed = seeds_needed(values, np.array([bound, bound]), alpha=level, most=MOST_SEEDS)
    if needed is not None and all_equal(values):
        needed = fewest_to_flip(level)
    return Test(
        effect=mean,
        low=interval.low,
        high=interval.high,
        n_first=len(values),
        p=p,
        seeds_needed=needed,
        decide=decide,
        **named,
    )


def at_every_depth(tests: Sequence[Test], supporting: str, refuting: Sequence[str]) -> str:
    """The verdict on what is claimed for every depth: one clear counterexample refutes it."""
    outcomes = [test.outcome for test in tests]
    if any(outcome in refuting for outcome in outcomes):
        return REFUTED
    return SUPPORTED if outcomes and all(outcome == supporting for outcome in outcomes) else INCONCLUSIVE


def telling(verdict: str, tests: Sequence[Test], supporting: str, refuting: Sequence[str], pooled: Test | None) -> Test:
    """The test whose effect stands for a verdict of `at_every_depth`.

    The clearest counterexample if it is refuted; the one that is furthest from being settled if it is open; if it is
    supported, all depths together, or the depth where support is weakest.

    Args:
        verdict: on the claim.
        tests: that it was made of.
        supporting: outcome of those that support it.
        refuting: outcomes of those that refute it.
        pooled: of all depths together, None if there is no such test.
    """
    if verdict == REFUTED:
        return clearest([test for test in tests if test.outcome in refuting])
    if verdict == SUPPORTED:
        return pooled or weakest(tests)
    return weakest([test for test in tests if test.outcome != supporting])


def clearest(tests: Sequence[Test]) -> Test:
    """The test with the smallest p after correction; of equal ones that with the largest effect."""
    return min(tests, key=_doubt)


def weakest(tests: Sequence[Test]) -> Test:
    """The test with the largest p after correction, or without any; of equal ones that with the smallest effect."""
    return max(tests, key=_doubt)


def _doubt(test: Test) -> tuple[float, float]:
    _, p = test.deciding_p
    return (math.inf if math.isnan(p) else p, -abs(test.effect))


def split(tests: Sequence[Test], **wanted: Any) -> list[Test]:
    """Those tests whose attributes have some values."""
    return [test for test in tests if all(getattr(test, name) == value for name, value in wanted.items())]
