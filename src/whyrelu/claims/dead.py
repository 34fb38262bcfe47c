"""C10: dead units of ReLU, and what the learning rate has to do with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from whyrelu.claims.comparison import Values, against_bound, left_out, split, weakest
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import each_depth, number, of_test, percent
from whyrelu.results.labels import facet_labels
from whyrelu.statistics.ranks import stratified_spearman
from whyrelu.statistics.summaries import seed_of

_DEAD = "dead units at the end"
_RISE = "rank correlation of dead units with the learning rate"


class _Rates(NamedTuple):
    """Runs with several learning rates.

    Attributes:
        strata: learning rates and dead fractions by depth.
        told: which of the runs have no dead fraction, as the end of a sentence.
    """

    strata: dict[int, tuple[Values, Values]]
    told: str


def decide(evidence: Evidence, activation: str, appear: float, alpha: float) -> Findings:
    """Measure dead units at the end of training, and their rank correlation with the learning rate within each depth.

    Args:
        evidence: of the study; learning rates are those of its tuning, or those that the study varies.
        activation: whose units are said to die.
        appear: dead units appear if their mean fraction is above this.
        alpha: level of the tests.
    """
    if evidence.lacking(activation):
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    name = str(evidence.series(activation))
    # a study of learning rates has a facet for each
    facets = list(evidence.siblings("lr").values())
    own = evidence.runs[evidence.runs["facet"].isin(facets) & (evidence.runs["series"] == name)]
    gone = left_out(own, "dead_end", name)
    own = own[own["dead_end"].notna()]
    if own.empty:
        return not_tested("diagnostics", evidence.train_command(diagnostics="summary"))
    rates = _rate_strata(evidence, name, own)
    if not rates.strata:
        overrides = evidence.train_command().removeprefix("python src/train.py -m")
        return not_tested("several learning rates (tuning.parquet)", f"python src/tune.py{overrides}")
    facet, groups = evidence.reference, by_depth(own)
    appearing = [
        against_bound(
            100 * group["dead_end"].to_numpy("float64"),
            100 * appear,
            alpha,
            len(groups),
            comparison=name,
            quantity=_DEAD,
            unit="points",
            depth=depth,
            facet=facet,
            family="appear",
        )
        for depth, group in groups.items()
    ]
    correlations = [_correlated({depth: pairs}, name, alpha, depth, facet) for depth, pairs in rates.strata.items()]
    pooled = _correlated(rates.strata, name, alpha, None, facet)

    def conclude(found: Sequence[Test]) -> Verdict:
        here = split(found, quantity=_DEAD)
        rise = next(test for test in found if test.quantity == _RISE and test.depth is None)
        appears, is_absent = split(here, outcome="above"), all(test.outcome == "below" for test in here)
        if is_absent:
            verdict, main = REFUTED, weakest(here)
        elif rise.outcome == "lower":
            verdict, main = REFUTED, rise
        elif appears and rise.outcome == "higher":
            verdict, main = SUPPORTED, rise
        else:
            # the depth with most of them
            verdict, main = INCONCLUSIVE, rise
            if rise.outcome == "higher":
                main = max(split(here, outcome=INCONCLUSIVE), key=lambda test: test.effect)
        sentence = (
            f"dead {name} units at the end of training, in percent: {each_depth(here)}{gone}; "
            f"over {rise.n} runs with other learning rates {_ends(rates)}the rank correlation of dead units with the "
            f"rate is {of_test(rise)}{rates.told}{evidence.where}"
        )
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in [*here, rise]))

    return Findings([*appearing, *correlations, pooled], conclude)


def _ends(rates: _Rates) -> str:
    """Dead units at the lowest and the highest rate that runs of every depth tried; empty if there are no two."""
    shared = set.intersection(*(set(rate.tolist()) for rate, _ in rates.strata.values()))
    if len(shared) < 2:
        return ""
    rate, dead = (np.concatenate([pairs[i] for pairs in rates.strata.values()]) for i in (0, 1))
    low, high = min(shared), max(shared)
    every = " (which every depth tried)" if len(rates.strata) > 1 else ""
    return (
        f"they go from {percent(float(dead[rate == low].mean()))} at lr {number(low)} to "
        f"{percent(float(dead[rate == high].mean()))} at lr {number(high)}{every}; "
    )


def _rate_strata(evidence: Evidence, name: str, runs: pd.DataFrame) -> _Rates:
    """Learning rates and dead fractions by depth, where there are several rates: of the tuning, else of the runs."""
    table = evidence.tuning[evidence.tuning["series"] == name]
    if table.empty:
        table = runs
    same = [column for column in evidence.facet_columns if column != "lr" and column in table.columns]
    table = table[facet_labels(table, same) == facet_labels(evidence.runs_of(), same).iloc[0]]
    told = left_out(table, "dead_end", name)
    table = table[table["dead_end"].notna()]
    strata = {
        depth: (group["lr"].to_numpy("float64"), group["dead_end"].to_numpy("float64"))
        for depth, group in by_depth(table).items()
        if group["lr"].nunique() > 1 and len(group) > 2
    }
    return _Rates(strata, told)


def _correlated(
    rates: dict[int, tuple[Values, Values]], name: str, alpha: float, depth: int | None, facet: str
) -> Test:
    """Spearman's correlation within depths, their mean weighted by runs; p by permuting within depths."""
    rng = np.random.default_rng(seed_of(f"{facet}, {_RISE}, {name}, depth={depth or 'all'}"))
    value, low, high, p = stratified_spearman(list(rates.values()), rng)

    def outcome(p_adjusted: float, _: float) -> str:
        if not p_adjusted < alpha:
            return INCONCLUSIVE
        return "higher" if low > 0 else "lower" if high < 0 else INCONCLUSIVE

    return Test(
        comparison=name,
        quantity=_RISE,
        effect=value,
        unit="rho",
        low=low,
        high=high,
        n_first=sum(len(pairs[0]) for pairs in rates.values()),
        depth=depth,
        facet=facet,
        p=p,
        family="rise pooled" if depth is None else "rise",
        decide=outcome,
    )
