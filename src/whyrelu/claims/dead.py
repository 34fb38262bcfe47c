"""C10 and C11: dead units, at high learning rates and with a leaky ReLU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from whyrelu.claims.comparison import Question, Values, against_bound, compare, split, strata
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, each_depth, number, of_test, outcomes, percent
from whyrelu.results.labels import facet_labels
from whyrelu.statistics.decision import Rule
from whyrelu.statistics.proportions import upper_bound_of_none, wilson_interval
from whyrelu.statistics.summaries import seed_of

_WORDS = {
    "better": "better",
    "equivalent": "equal within the margin",
    "worse": "worse",
    INCONCLUSIVE: "not settled",
}
_DEAD = "dead units at the end"
_RISE = "rank correlation of dead units with the learning rate"
_RESAMPLES = 9_999


def decide_rate(evidence: Evidence, activation: str, appear: float, alpha: float) -> Findings:
    """C10: dead units at the end of training, and their rank correlation with the learning rate within each depth.

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
    own = own[own["dead_end"].notna()]
    if own.empty:
        return not_tested("diagnostics", evidence.train_command(diagnostics="summary"))
    rates = _rate_strata(evidence, name, own)
    if not rates:
        overrides = evidence.train_command().removeprefix("python src/train.py -m")
        return not_tested("several learning rates (tuning.parquet)", f"python src/tune.py{overrides}")
    facet = evidence.reference
    appearing = [
        against_bound(
            100 * group["dead_end"].to_numpy("float64"),
            100 * appear,
            alpha,
            comparison=name,
            quantity=_DEAD,
            unit="points",
            depth=depth,
            facet=facet,
            family="appear",
        )
        for depth, group in by_depth(own).items()
    ]
    correlations = [_correlated({depth: pairs}, name, alpha, depth, facet) for depth, pairs in rates.items()]
    pooled = _correlated(rates, name, alpha, None, facet)
    everything = np.concatenate([np.column_stack(pairs) for pairs in rates.values()])
    lowest, highest = (float(pick(everything[:, 0])) for pick in (np.min, np.max))
    at_ends = [float(everything[everything[:, 0] == rate, 1].mean()) for rate in (lowest, highest)]

    def conclude(found: Sequence[Test]) -> Verdict:
        here = split(found, quantity=_DEAD)
        rise = next(test for test in found if test.quantity == _RISE and test.depth is None)
        is_absent = all(test.outcome == "below" for test in here)
        verdict = INCONCLUSIVE
        if is_absent or rise.outcome == "lower":
            verdict = REFUTED
        elif any(test.outcome == "above" for test in here) and rise.outcome == "higher":
            verdict = SUPPORTED
        sentence = (
            f"dead {name} units at the end of training, in percent: {each_depth(here)}; "
            f"over {len(everything)} runs with other learning rates they go from {percent(at_ends[0])} "
            f"at lr {number(lowest)} to {percent(at_ends[1])} at lr {number(highest)} "
            f"(rank correlation {of_test(rise)}){evidence.where}"
        )
        return Verdict.of(verdict, sentence, rise)

    return Findings([*appearing, *correlations, pooled], conclude)


def decide_leaky(
    evidence: Evidence,
    activation: str,
    reference: str,
    margin: float,
    superiority: float,
    alpha: float,
) -> Findings:
    """C11: runs with any dead unit at the end, and accuracy no more than the margin below that of the reference.

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
    question = Question("test accuracy", first, second, rule, margin, ("better", "worse"), facet=facet)
    accuracies = compare(question, strata(runs, "test_accuracy", first, second))
    if not accuracies:
        return not_tested(f"runs of {first} and {second} at the same depths", evidence.command_for(*names))
    tests += accuracies

    def conclude(found: Sequence[Test]) -> Verdict:
        at_depths = [test for test in found if test.quantity == "test accuracy" and test.depth is not None]
        dead, n = counts[first]
        kept = all(test.outcome in ("better", "equivalent") for test in at_depths)
        worse = split(at_depths, outcome="worse")
        verdict = REFUTED if dead or worse else SUPPORTED if kept else INCONCLUSIVE
        means = [percent(float(known[name]["dead_end"].mean())) for name in names]
        bound = f"at most {percent(upper_bound_of_none(n))} of runs with 95% confidence"
        sentence = (
            f"{dead} of {n} {first} runs end with a dead unit ({bound if not dead else _share(dead, n)}) and "
            f"{counts[second][0]} of {counts[second][1]} {second} runs (mean fraction {means[0]} and {means[1]}); "
            f"accuracy of {first} is {outcomes(at_depths, _WORDS)}, difference {of_test(found[-1])}{evidence.where}"
        )
        return Verdict.of(verdict, sentence + (advice(at_depths) if verdict == INCONCLUSIVE else ""), found[-1])

    return Findings(tests, conclude)


def _share(count: int, n: int) -> str:
    interval = wilson_interval(count, n)
    return f"{percent(count / n)} [{percent(interval.low)}, {percent(interval.high)}]"


_Pairs = tuple[Values, Values]


def _rate_strata(evidence: Evidence, name: str, runs: pd.DataFrame) -> dict[int, _Pairs]:
    """Learning rates and dead fractions by depth, where there are several rates: of the tuning, else of the runs."""
    table = evidence.tuning[evidence.tuning["series"] == name]
    if table.empty:
        table = runs
    same = [column for column in evidence.facet_columns if column != "lr" and column in table.columns]
    table = table[facet_labels(table, same) == facet_labels(evidence.runs_of(), same).iloc[0]]
    table = table[table["dead_end"].notna()]
    return {
        depth: (group["lr"].to_numpy("float64"), group["dead_end"].to_numpy("float64"))
        for depth, group in by_depth(table).items()
        if group["lr"].nunique() > 1 and len(group) > 2
    }


def _correlated(rates: dict[int, _Pairs], name: str, alpha: float, depth: int | None, facet: str) -> Test:
    """Spearman's correlation within depths, their mean weighted by runs; p by permuting within depths."""
    rng = np.random.default_rng(seed_of(f"{facet}, {_RISE}, {name}, depth={depth or 'all'}"))
    value, low, high, p = stratified_spearman(list(rates.values()), rng)

    def decide(p_adjusted: float) -> str:
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
        decide=decide,
    )


def stratified_spearman(strata: Sequence[_Pairs], rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Rank correlation within strata, weighted by their sizes; 95% percentile bootstrap interval, permutation p.

    A stratum whose second numbers are all equal has correlation 0: nothing rises there.

    Args:
        strata: pairs of arrays of shape (runs,), at least three runs each.
        rng: of permutations and resamples.

    Returns:
        correlation, ends of the interval, two-sided p.
    """
    sizes = np.array([len(x) for x, _ in strata], dtype=np.float64)
    weights = sizes / sizes.sum()
    observed = permuted = resampled = 0.0
    for weight, (x, y) in zip(weights, strata, strict=True):
        n = len(x)
        observed += weight * float(_rank_correlation(x[None], y[None])[0])
        order = rng.permuted(np.broadcast_to(np.arange(n), (_RESAMPLES, n)), axis=1)
        permuted = permuted + weight * _rank_correlation(np.broadcast_to(x, order.shape), y[order])
        drawn = rng.integers(n, size=(_RESAMPLES, n))
        resampled = resampled + weight * _rank_correlation(x[drawn], y[drawn])
    low, high = np.quantile(resampled, [0.025, 0.975])
    # round-off must not make the same arrangement look less extreme
    extreme = int(np.sum(np.abs(permuted) >= abs(observed) - 1e-12))
    return float(observed), float(low), float(high), (extreme + 1) / (_RESAMPLES + 1)


def _rank_correlation(x: Values, y: Values) -> Values:
    """Spearman's correlation of the rows of two arrays (rows, runs); 0 where one does not vary."""
    ranks = [stats.rankdata(values, axis=1) for values in (x, y)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products: Values = (a * b).sum(axis=1)
    return np.asarray(np.divide(products, scale, out=np.zeros_like(products), where=scale > 0))
