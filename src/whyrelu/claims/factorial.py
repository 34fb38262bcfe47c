"""C2: ReLU enabled depth among other things: activation, init and norm interact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import pandas as pd

from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, concluded, not_tested
from whyrelu.claims.words import listed, percent
from whyrelu.results.columns import SHARE_COLUMNS
from whyrelu.results.given_rates import GIVEN_LR
from whyrelu.results.reference import REFERENCE
from whyrelu.statistics.factorial import RESIDUAL, variance_shares
from whyrelu.statistics.summaries import seed_of

_COMMAND = "dvc exp run -S study=mechanisms"
_TOTAL = "all interactions"


class _Share(NamedTuple):
    """A row of shares.parquet."""

    term: str
    share: float
    low: float
    high: float


def decide(
    evidence: Evidence, factors: list[str], response: str, further: list[str], share: float, least_seeds: int
) -> Findings:
    """Split the variance of a response among factors and their interactions.

    Args:
        evidence: of the study; all its facets.
        factors: that are said to interact; each has to vary.
        response: column of runs.parquet.
        further: factors that are split off too where the study crosses them with all others.
        share: of the variance; interactions with less are negligible.
        least_seeds: runs per cell, below which chance looks like an interaction.
    """
    need = f"a full factorial of {listed(factors)}"
    chosen = crossed_factors(evidence.runs, factors, further)
    if chosen is None:
        return not_tested(need, _COMMAND)
    table, names = chosen
    counts = table.groupby(names)["run_id"].count()
    if counts.nunique() > 1 or counts.iloc[0] < least_seeds:
        return not_tested(f"{need} with at least {least_seeds} seeds, the same number in each cell", _COMMAND)
    if table[response].nunique() < 2:
        same = f"{response} is the same in all {len(table)} runs: there is no variance to explain"
        return concluded(Verdict(INCONCLUSIVE, same))
    among = [name for name in names if name in factors]
    terms = [" x ".join(term) for size in range(2, len(among) + 1) for term in combinations(among, size)]
    seed = seed_of(f"shares of {response}: {', '.join(names)}")
    shares = variance_shares(table, response, names, seed, totals={_TOTAL: terms})
    found_shares = {str(row[0]): _Share(*row) for row in shares[list(SHARE_COLUMNS)].to_numpy().tolist()}
    residual = found_shares[RESIDUAL].share
    chance = {term: residual * _freedom_share(table, names, frozenset(term.split(" x "))) for term in terms}
    chance[_TOTAL] = sum(chance.values())
    tests = [
        Test(
            comparison=row.term,
            quantity=f"share of the variance of {response.replace('_', ' ')}",
            effect=100 * row.share,
            unit="points",
            low=100 * row.low,
            high=100 * row.high,
            n_first=len(table),
            outcome=_side(row.low - chance[row.term], row.high - chance[row.term], share),
        )
        for row in (found_shares[term] for term in (*terms, _TOTAL))
    ]

    def conclude(found: Sequence[Test]) -> Verdict:
        single, total = found[:-1], found[-1]
        # the ends of a sum are not the sums of the ends, but lie within them
        highest = sum(max(test.high / 100 - chance[test.comparison], 0) for test in single)
        verdict = SUPPORTED if any(test.outcome == "above" for test in single) else INCONCLUSIVE
        if highest < share:
            verdict = REFUTED
        of_terms = [row for term, row in found_shares.items() if term != _TOTAL]
        main = ", ".join(
            f"{row.term} {percent(row.share)} [{percent(max(row.low, 0))}, {percent(row.high)}]"
            for row in sorted(of_terms, key=lambda row: -row.share)[:6]
        )
        sentence = (
            f"interactions among {listed(factors)} explain {percent(total.effect / 100)} of the variance of "
            f"{response.replace('_', ' ')} over {len(table)} runs, where seeds alone would give them "
            f"{percent(chance[_TOTAL])}; the largest is {max(single, key=lambda test: test.effect).comparison}; "
            f"shares: {main}{_budgets(evidence, table)}"
        )
        return Verdict.of(verdict, sentence, total)

    kept = shares[shares["term"] != _TOTAL]
    return Findings(tests, conclude, kept[list(SHARE_COLUMNS)].astype(SHARE_COLUMNS))


def _budgets(evidence: Evidence, runs: pd.DataFrame) -> str:
    """How many learning rates the compared cells tried, where that differs; empty if it does not."""
    keys = ["series", "facet", "depth"]
    # tuning knows no facets that differ in the rate, which is all that may be missing there
    tried = evidence.tuning.groupby(keys)["lr"].nunique()
    cells = pd.MultiIndex.from_frame(runs[keys].drop_duplicates())
    counts = tried.reindex(cells).dropna()
    if counts.empty or counts.min() == counts.max():
        return ""
    return (
        f"; these cells tried {int(counts.min())} to {int(counts.max())} learning rates each, the same number where "
        "they differ in the activation only"
    )


def _freedom_share(table: pd.DataFrame, names: Sequence[str], term: frozenset[str]) -> float:
    """Degrees of freedom of a term over those within cells.

    So much of the residual share would a term have if seeds alone made the difference (Fisher 1925); epsilon squared
    (Kelley 1935) is a share less that.
    """
    levels = {name: table[name].nunique() for name in names}
    within = len(table) - math.prod(levels.values())
    return math.prod(levels[name] - 1 for name in term) / within


def crossed_factors(
    runs: pd.DataFrame, factors: Sequence[str], further: Sequence[str]
) -> tuple[pd.DataFrame, list[str]] | None:
    """The runs of the largest full factorial that holds some factors.

    A further factor takes part if its values occur in all combinations with the others; if not, only runs with its
    reference value (the most frequent, where that is not declared) are kept. Of a study that compares tuned learning
    rates with given ones only runs with tuned ones are.

    Args:
        runs: with `series`, which stands for the activation.
        factors: that all have to vary.
        further: that may take part.

    Returns:
        the runs and the factors that cross; None if some factor does not vary or combinations are missing.
    """
    table = runs.assign(activation=runs["series"])
    if GIVEN_LR in table.columns:
        table = _at_reference(table, [GIVEN_LR])
    optional = [name for name in further if name in table.columns and table[name].nunique(dropna=False) > 1]
    if any(name not in table.columns or table[name].nunique() < 2 for name in factors):
        return None
    names = list(factors)
    for i, name in enumerate(optional):
        # as the others are at their reference, until it is their turn
        fixed = _at_reference(table, optional[i + 1 :])
        if fixed[name].nunique() > 1 and _is_full(fixed, [*names, name]):
            names.append(name)
        else:
            table = _at_reference(table, [name])
    # settings that belong to a factor, such as a small epsilon of adam, make cells of their own
    own = [column for column in table.columns if "." in column and column.partition(".")[0] in (*factors, *further)]
    for column in (column for column in own if not column.startswith("activation.")):
        usual = table[column].mode(dropna=False).iloc[0]
        table = table[table[column].isna() if pd.isna(usual) else table[column].isna() | (table[column] == usual)]
    # what was left out may have held all that varied
    is_factorial = all(table[name].nunique() > 1 for name in factors) and _is_full(table, names)
    return (table, names) if is_factorial else None


def _at_reference(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    for name in names:
        value = REFERENCE.get(name)
        table = table[table[name] == (value if (table[name] == value).any() else table[name].mode().iloc[0])]
    return table


def _is_full(table: pd.DataFrame, names: Sequence[str]) -> bool:
    cells = len(table.drop_duplicates(list(names)))
    return cells == math.prod(table[name].nunique() for name in names)


def _side(low: float, high: float, bound: float) -> str:
    if low > bound:
        return "above"
    return "below" if high < bound else INCONCLUSIVE
