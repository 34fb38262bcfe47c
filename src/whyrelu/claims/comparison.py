"""Tests that claims are made of: two activations at every depth, and one activation against a bound."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from whyrelu.claims.evidence import by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, NAN, REFUTED, SUPPORTED, Test
from whyrelu.statistics.contrasts import Contrast, contrast, mirrored
from whyrelu.statistics.decision import Rule, is_better
from whyrelu.statistics.equivalence import tost
from whyrelu.statistics.pooling import pooled_difference, pooled_permutation_p, pooled_superiority
from whyrelu.statistics.power import seeds_for_equivalence, seeds_needed
from whyrelu.statistics.summaries import mean_interval, seed_of

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

    @property
    def comparison(self) -> str:
        """The two arms in words."""
        return f"{self.first} - {self.second}"

    def seed(self, depth: int | None) -> int:
        """Of the resampling: one of its own for everything that is compared."""
        return seed_of(f"{self.facet}, {self.quantity}, {self.comparison}, depth={depth or 'all'}")


def strata(runs: pd.DataFrame, column: str, first: str, second: str) -> list[Stratum]:
    """The depths, ascending, at which two series have numbers in a column; runs without one are left out."""
    known = runs[runs[column].notna()]
    arms = [
        {depth: group[column].to_numpy("float64") for depth, group in by_depth(known[known["series"] == name]).items()}
        for name in (first, second)
    ]
    return [Stratum(depth, arms[0][depth], arms[1][depth]) for depth in sorted(set(arms[0]) & set(arms[1]))]


def compare(question: Question, groups: Sequence[Stratum]) -> list[Test]:
    """One test per depth, and one of all depths together if there are several, last and with `depth` None."""
    tests = [_at_depth(question, group, len(groups)) for group in groups]
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
    same = tost(group.first, group.second, question.margin, question.rule.alpha).is_equivalent
    return _with(base, question, found, same, _seeds_to_settle(question, group, found, level))


def _seeds_to_settle(question: Question, group: Stratum, found: Contrast, level: float) -> int | None:
    """Seeds with which what was seen would be equality, or else a difference, if the rule allows either at all."""
    rule, difference = question.rule, abs(found.difference.value)
    if difference < question.margin:
        return seeds_for_equivalence(group.first, group.second, question.margin, rule.alpha, MOST_SEEDS)
    reached = max(found.superiority.value, 1 - found.superiority.value)
    if difference <= rule.difference or reached < rule.superiority:
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
    difference = pooled_difference(pairs)
    found = Contrast(n_first=counts[0], n_second=counts[1], difference=difference, g=NAN, superiority=superiority, p=p)
    # the 90% interval, as in a test of equivalence at one depth
    narrow = pooled_difference(pairs, confidence=1 - 2 * question.rule.alpha)
    return _with(base, question, found, -question.margin < narrow.low and narrow.high < question.margin, None)


def _with(base: Test, question: Question, found: Contrast, is_same: bool, needed: int | None) -> Test:
    def decide(p_adjusted: float) -> str:
        if is_better(found, p_adjusted, question.rule):
            return question.words[0]
        if is_better(mirrored(found), p_adjusted, question.rule):
            return question.words[1]
        return "equivalent" if is_same else INCONCLUSIVE

    return dataclasses.replace(
        base,
        effect=question.scale * found.difference.value,
        low=question.scale * found.difference.low,
        high=question.scale * found.difference.high,
        p=found.p,
        hedges_g=found.g,
        superiority=found.superiority.value,
        superiority_low=found.superiority.low,
        superiority_high=found.superiority.high,
        seeds_needed=needed,
        decide=decide,
    )


def least_seeds(level: float) -> int:
    """Seeds per arm below which a permutation test can never be significant: its smallest p is 2 / C(2n, n)."""
    n = 2
    while 2 / math.comb(2 * n, n) >= level:
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
    p = _one_sample_p(values, bound)

    def decide(p_adjusted: float) -> str:
        if p_adjusted < alpha and interval.low > bound:
            return "above"
        return "below" if p_adjusted < alpha and interval.high < bound else INCONCLUSIVE

    # a second arm that does not vary makes Welch's test one of a single sample
    needed = seeds_needed(values, np.array([bound, bound]), alpha=alpha / family_size, most=MOST_SEEDS)
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


def _one_sample_p(values: Values, bound: float) -> float:
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return 1.0 if math.isclose(float(values[0]), bound) else 0.0
    return float(stats.ttest_1samp(values, bound).pvalue)


def at_every_depth(tests: Sequence[Test], supporting: str, refuting: Sequence[str]) -> str:
    """The verdict on what is claimed for every depth: one clear counterexample refutes it."""
    outcomes = [test.outcome for test in tests]
    if any(outcome in refuting for outcome in outcomes):
        return REFUTED
    return SUPPORTED if outcomes and all(outcome == supporting for outcome in outcomes) else INCONCLUSIVE


def split(tests: Sequence[Test], **wanted: Any) -> list[Test]:
    """Those tests whose attributes have some values."""
    return [test for test in tests if all(getattr(test, name) == value for name, value in wanted.items())]
