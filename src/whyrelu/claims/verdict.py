"""What a claim comes out as: a verdict with its evidence, and the tests it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from whyrelu.results.columns import CONTRAST_COLUMNS

NAN = float("nan")

SUPPORTED = "supported"
REFUTED = "refuted"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested"
VERDICTS = (SUPPORTED, REFUTED, INCONCLUSIVE, NOT_TESTED)

# Outcomes of tests that rest on `Test.p_equality`.
EQUIVALENT = "equivalent"
NOT_WORSE = "not worse"
EQUAL = (EQUIVALENT, NOT_WORSE)


@dataclass(frozen=True)
class Test:
    """One row of contrasts.parquet, whose columns are described in `whyrelu.results.columns.CONTRAST_COLUMNS`.

    Attributes:
        p_equality: of a second test in the same comparison: that the two are equal within a margin, or the first no
            more than the margin below the second.
        decide: turns both p after Holm's correction into `outcome`, where that depends on them.
        family: tests of one name are corrected together; each claim has its own families unless conf/claims names one
            that it shares.
        n_of: what n counts, "runs" or "blocks" of times.
        timed: whether it depends on times, which differ between machines.
    """

    # pytest collects classes of this name
    __test__ = False

    comparison: str
    quantity: str
    effect: float
    unit: str
    low: float = NAN
    high: float = NAN
    n_first: int | None = None
    n_second: int | None = None
    depth: int | None = None
    facet: str = ""
    p: float = NAN
    p_adjusted: float = NAN
    p_equality: float = NAN
    p_equality_adjusted: float = NAN
    hedges_g: float = NAN
    superiority: float = NAN
    superiority_low: float = NAN
    superiority_high: float = NAN
    outcome: str = INCONCLUSIVE
    seeds_needed: int | None = None
    family: str = ""
    decide: Callable[[float, float], str] | None = field(default=None, compare=False, repr=False)
    n_of: str = "runs"
    timed: bool = False

    @property
    def n(self) -> int:
        """Runs, or blocks of times, that took part."""
        return (self.n_first or 0) + (self.n_second or 0)

    @property
    def deciding_p(self) -> tuple[float, float]:
        """The p that `outcome` rests on, as it is and corrected."""
        if self.outcome in EQUAL:
            return self.p_equality, self.p_equality_adjusted
        return self.p, self.p_adjusted


@dataclass(frozen=True)
class Verdict:
    """The verdict on one claim, with the numbers that stand for it.

    Attributes:
        verdict: one of `VERDICTS`.
        evidence: one plain sentence with the numbers, or "needs ...: `command`".
        effect: the estimate that stands for the claim; None if it has none.
        unit: of the effect.
        low: end of its 95% interval.
        high: the other end.
        n: runs, or blocks of times, of the test whose effect this is.
        p: of that test; of the test of equality where that decided.
        p_adjusted: after Holm's correction within the family.
        n_of: what n counts, "runs" or "blocks".
        runs: that all tests of the verdict rest on, if these are more than `n`.
        comparison: of that test, as in contrasts.parquet, as are the next ones.
        quantity: what the effect is of.
        depth: None for all depths together.
        facet: what is the same in all its runs.
    """

    verdict: str
    evidence: str
    effect: float | None = None
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    p: float | None = None
    p_adjusted: float | None = None
    n_of: str = "runs"
    runs: int | None = None
    comparison: str | None = None
    quantity: str | None = None
    depth: int | None = None
    facet: str | None = None

    @classmethod
    def of(cls, verdict: str, evidence: str, test: Test, runs: int | None = None) -> Verdict:
        """A verdict whose numbers are those of a test; `runs` if it rests on more runs than that one."""
        p, p_adjusted = test.deciding_p
        return cls(
            verdict,
            evidence,
            effect=test.effect,
            unit=test.unit,
            low=test.low,
            high=test.high,
            n=test.n,
            p=p,
            p_adjusted=p_adjusted,
            n_of=test.n_of,
            runs=runs if runs is not None and runs > test.n else None,
            comparison=test.comparison,
            quantity=test.quantity,
            depth=test.depth,
            facet=test.facet,
        )

    def exponential(self, unit: str, sign: int = 1) -> Verdict:
        """The same verdict on exp(sign * effect): a ratio, of a test on logarithms."""
        ends = [NAN if end is None else sign * end for end in (self.effect, self.low, self.high)]
        value, *interval = (None if math.isnan(end) else math.exp(end) for end in ends)
        low, high = interval[::sign]
        return replace(self, effect=value, low=low, high=high, unit=unit)


Conclude = Callable[[Sequence[Test]], Verdict]


@dataclass(frozen=True)
class Findings:
    """What a claim's function returns: its tests, and how to conclude from them once p is corrected in families.

    Attributes:
        tests: in the order of contrasts.parquet.
        conclude: takes the same tests with `p_adjusted` and `outcome` set.
        shares: shares.parquet, of a factorial.
    """

    tests: Sequence[Test]
    conclude: Conclude
    shares: pd.DataFrame | None = None


def concluded(verdict: Verdict, tests: Sequence[Test] = ()) -> Findings:
    """Findings whose verdict does not depend on corrected p."""
    return Findings(tests, lambda _: verdict)


def not_tested(need: str, command: str) -> Findings:
    """Findings of a claim without its data.

    Args:
        need: what is missing, e.g. "runs of sigmoid".
        command: that would provide it.
    """
    return concluded(Verdict(NOT_TESTED, f"needs {need}: `{command}`"))


def contrast_table(tests: Sequence[tuple[str, Test]]) -> pd.DataFrame:
    """contrasts.parquet, from tests with the id of their claim; numbers that are not finite are missing."""
    rows = [
        {name: claim if name == "claim" else getattr(test, name) for name in CONTRAST_COLUMNS} for claim, test in tests
    ]
    table = pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in CONTRAST_COLUMNS.items()}
    )
    numbers = table.select_dtypes("float64")
    return table.assign(**numbers.where(np.isfinite(numbers)))
