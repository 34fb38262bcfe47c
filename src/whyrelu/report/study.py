"""What a report is made from: the tables of one study, in facets that each hold one grid of activation x depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from whyrelu.results.given_rates import GIVEN_LR
from whyrelu.results.reference import reference_label
from whyrelu.results.tables import factor_columns

# More facets than this are shown in tables and in figures with a row per facet; in detail only the reference.
MOST_FACETS = 4


@dataclass(frozen=True)
class _Cells:
    """Rows of cells.parquet with the columns `series` and `facet`."""

    cells: pd.DataFrame

    @cached_property
    def series(self) -> list[str]:
        """The activations, in the order in which the sweep names them."""
        return list(dict.fromkeys(self.cells["series"]))

    @cached_property
    def depths(self) -> list[int]:
        """The depths, ascending."""
        return sorted({int(depth) for depth in self.cells["depth"]})


@dataclass(frozen=True)
class Facet(_Cells):
    """The cells in which all but activation and depth is the same.

    Attributes:
        cells: of this facet.
        label: what is the same, as far as it differs from other facets, e.g. "norm=batch"; empty if there are none.
        runs: runs.parquet and the columns `series` and `failed`.
        curves: as `cells.curves_table`, and the column `series`.
        history: history.parquet.
        chance: accuracy of guessing, 1 / classes.
        profiles: profiles.parquet and the column `series`; no rows if nothing was measured inside the networks.
        measured: how many of its runs were looked into.
        spectra: spectra.parquet and the columns `series` and `depth`.
        theory: theory.parquet and the column `series`.
        convergence: convergence.parquet and the columns `series` and `depth`.
        tuning: tuning.parquet and the columns `series` and `failed`; no rows if the facet was not tuned.
        short: how tables name it: its label, or where there are many what differs from the reference facet.
        slug: a part of file names; empty if no other facet has such figures.
    """

    label: str
    runs: pd.DataFrame
    curves: pd.DataFrame
    history: pd.DataFrame
    chance: float
    profiles: pd.DataFrame
    measured: int
    spectra: pd.DataFrame
    theory: pd.DataFrame
    convergence: pd.DataFrame
    tuning: pd.DataFrame
    short: str
    slug: str

    @cached_property
    def reached(self) -> list[float]:
        """The validation accuracies of convergence.parquet that at least one run reaches, ascending."""
        rows = self.convergence
        return sorted(float(threshold) for threshold in rows.loc[rows["reached"], "threshold"].unique())

    @property
    def middle_threshold(self) -> float | None:
        """The middle one of `reached`, of two the lower; None if no run reaches any."""
        return self.reached[(len(self.reached) - 1) // 2] if self.reached else None

    @cached_property
    def deepest(self) -> int:
        """The largest depth at which all activations were run; if there is none, the largest."""
        tried = self.cells.groupby("depth")["series"].nunique()
        return max([depth for depth in self.depths if tried[depth] == len(self.series)] or self.depths)


@dataclass(frozen=True)
class Study(_Cells):
    """One study.

    Attributes:
        cells: of all facets.
        name: of the study.
        runs: of all facets.
        facets: at least one.
        facet_columns: the factors that tell facets apart.
        provenance: provenance.json.
        functions: functions.parquet.
        tuning: tuning.parquet and the columns `series`, `facet` and `failed`; no rows if the study was not tuned.
        rates: lr.csv and the columns `series`, `facet` and `depth`; no rows if the study was not tuned.
        claims: claims.json.
        contrasts: contrasts.parquet.
        shares: shares.parquet.
        timing: timing.json as `whyrelu.timing.stage` describes it, None if nothing was timed.
    """

    name: str
    runs: pd.DataFrame
    facets: list[Facet]
    facet_columns: list[str]
    provenance: dict[str, Any]
    functions: pd.DataFrame
    tuning: pd.DataFrame
    rates: pd.DataFrame
    claims: list[dict[str, Any]]
    contrasts: pd.DataFrame
    shares: pd.DataFrame
    timing: dict[str, Any] | None

    @cached_property
    def reference(self) -> Facet:
        """The facet in which claims about activations are decided."""
        label = reference_label(self.cells, self.facet_columns)
        return next(facet for facet in self.facets if facet.label == label)

    @property
    def is_compact(self) -> bool:
        """Whether there are too many facets to show each of them in detail."""
        return len(self.facets) > MOST_FACETS

    @property
    def detailed(self) -> list[Facet]:
        """The facets that are shown in detail: all, or of many the reference."""
        return [self.reference] if self.is_compact else self.facets

    @property
    def inspected(self) -> list[Facet]:
        """Those of `detailed` of which something was measured inside the networks."""
        return [facet for facet in self.detailed if not facet.profiles.empty]

    @property
    def measured(self) -> list[Facet]:
        """All facets of which something was measured inside the networks."""
        return [facet for facet in self.facets if not facet.profiles.empty]


def varied_factors(study: Study) -> list[str]:
    """The factors beside activation and depth that are not the same in all cells, needed to tell these apart or not.

    The learning rate is none of them where it goes with another factor, or was chosen for each cell.
    """
    cells = study.cells.drop(columns=["series", "facet", "depth", "activation"])
    names = [name for name in factor_columns(cells) if not name.startswith("activation.")]
    varied = [name for name in names if cells[name].nunique(dropna=False) > 1]
    return [name for name in varied if name != "lr" or name in study.facet_columns]


def factor_title(column: str) -> str:
    """What a column of factors is called on the page: `given_lr` is a word of the tables."""
    return "lr as given" if column == GIVEN_LR else column


class SettingRow(NamedTuple):
    """One row: its name, and its cells."""

    name: str
    cells: pd.DataFrame


def setting_rows(study: Study) -> list[SettingRow]:
    """All settings and depths, the reference first."""
    facets = [study.reference, *(facet for facet in study.facets if facet is not study.reference)]
    several = len(study.depths) > 1
    return [
        SettingRow(
            f"{facet.short}, depth {depth}" if several else facet.short, facet.cells[facet.cells["depth"] == depth]
        )
        for facet in facets
        for depth in facet.depths
    ]
