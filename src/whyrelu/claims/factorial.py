"""C2: ReLU enabled depth among other things: activation, init and norm interact."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from whyrelu.claims.evidence import REFERENCE, Evidence
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import listed, percent
from whyrelu.results.columns import SHARE_COLUMNS
from whyrelu.statistics.factorial import RESIDUAL, variance_shares
from whyrelu.statistics.summaries import seed_of

_COMMAND = "make study STUDY=mechanisms"


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
        same = Verdict(
            INCONCLUSIVE, f"{response} is the same in all {len(table)} runs: there is no variance to explain"
        )
        return Findings([], lambda _: same)
    shares = variance_shares(table, response, names, seed_of(f"shares of {response}: {', '.join(names)}"))
    rows = [_Share(*row) for row in shares[list(SHARE_COLUMNS)].to_numpy().tolist()]
    terms = {row.term: _factors_of(row.term, names) for row in rows}
    interactions = [row for row in rows if len(terms[row.term] & set(factors)) > 1]
    total = sum(row.share for row in interactions)
    residual = sum(row.share for row in rows if row.term == RESIDUAL)
    chance = {term: residual * _freedom_share(table, names, within) for term, within in terms.items()}
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
        for row in interactions
    ]

    def conclude(found: Sequence[Test]) -> Verdict:
        # the ends of a sum are not the sums of the ends, but lie within them
        largest = max(found, key=lambda test: test.effect)
        highest = sum(max(test.high / 100 - chance[test.comparison], 0) for test in found)
        is_small = highest < share
        verdict = SUPPORTED if any(test.outcome == "above" for test in found) else INCONCLUSIVE
        if is_small:
            verdict = REFUTED
        by_chance = percent(sum(chance[test.comparison] for test in found))
        main = ", ".join(
            f"{row.term} {percent(row.share)} [{percent(max(row.low, 0))}, {percent(row.high)}]"
            for row in sorted(rows, key=lambda row: -row.share)[:6]
        )
        sentence = (
            f"interactions among {listed(factors)} explain {percent(total)} of the variance of "
            f"{response.replace('_', ' ')} over {len(table)} runs, where seeds alone would give them {by_chance}; "
            f"the largest is {largest.comparison}; shares: {main}"
        )
        return Verdict(verdict, sentence, 100 * total, "points", n=len(table))

    return Findings(tests, conclude, shares[list(SHARE_COLUMNS)].astype(SHARE_COLUMNS))


def _freedom_share(table: pd.DataFrame, names: Sequence[str], term: frozenset[str]) -> float:
    """Degrees of freedom of a term over those within cells.

    So much of the residual share would a term have if seeds alone made the difference (Fisher 1925), which omega
    squared takes off a share too.
    """
    levels = {name: table[name].nunique() for name in names}
    within = len(table) - math.prod(levels.values())
    return math.prod(levels[name] - 1 for name in term) / within


def crossed_factors(
    runs: pd.DataFrame, factors: Sequence[str], further: Sequence[str]
) -> tuple[pd.DataFrame, list[str]] | None:
    """The runs of the largest full factorial that holds some factors.

    A further factor takes part if its values occur in all combinations with the others; if not, only runs with its
    reference value (the most frequent, where that is not declared) are kept.

    Args:
        runs: with `series`, which stands for the activation.
        factors: that all have to vary.
        further: that may take part.

    Returns:
        the runs and the factors that cross; None if some factor does not vary or combinations are missing.
    """
    table = runs.assign(activation=runs["series"])
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


def _factors_of(term: str, names: Sequence[str]) -> frozenset[str]:
    """The factors in the name of a term; none in that of the residual."""
    return frozenset(re.findall(r"[\w.]+", term)) & frozenset(names)


def _side(low: float, high: float, bound: float) -> str:
    if low > bound:
        return "above"
    return "below" if high < bound else INCONCLUSIVE
