"""What claims are decided from: the tables of a study, and which part of it a claim looks at."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from whyrelu.results.cells import is_failure
from whyrelu.results.given_rates import as_tuned
from whyrelu.results.labels import facet_columns, facet_labels, labelled
from whyrelu.results.reference import reference_label
from whyrelu.results.tables import factor_columns

# The columns of layers.parquet that claims look at: of a large study it is much larger than all other tables.
LAYERS_USED = ("run_id", "epoch", "layer", "gradient", "update", "saturated", "desaturated")

# Gives `LAYERS_USED` of the rows that `Evidence.layers` has, in their order, when told the runs of the reference facet.
ReadLayers = Callable[[Sequence[str]], pd.DataFrame]


@dataclass(frozen=True)
class Evidence:
    """The tables of one study. A facet holds the runs in which all but activation, depth and seed is the same.

    Attributes:
        runs: runs.parquet and the columns `series` (activation), `facet` (label) and `failed`.
        layers: `LAYERS_USED` of layers.parquet and the columns `series`, `facet` and `depth`: all rows of the reference
            facet, of others those of the first layer or of init; no rows if nothing was measured inside.
        theory: theory.parquet and the columns `series` and `facet`.
        functions: functions.parquet.
        convergence: convergence.parquet.
        run_convergence: run_convergence.parquet.
        tuning: tuning.parquet and the columns `series`, `facet` and `failed`; no rows if nothing was tuned.
        timing: timing.json as `whyrelu.timing.stage` describes it, None if there is none.
        facet_columns: the factors that tell facets apart.
        overrides: of the sweep, as typed.
        common: settings that are the same in all runs and no columns of `runs`.
    """

    runs: pd.DataFrame
    layers: pd.DataFrame
    theory: pd.DataFrame
    functions: pd.DataFrame
    convergence: pd.DataFrame
    run_convergence: pd.DataFrame
    tuning: pd.DataFrame
    timing: Mapping[str, Any] | None = None
    facet_columns: Sequence[str] = ()
    overrides: Sequence[str] = field(default=())
    common: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def facets(self) -> list[str]:
        """The labels of all facets, in the order of the runs."""
        return list(dict.fromkeys(self.runs["facet"]))

    @cached_property
    def reference(self) -> str:
        """The facet in which claims about activations are decided: that of `REFERENCE`, else the first."""
        return reference_label(self.runs, self.facet_columns)

    @property
    def where(self) -> str:
        """The reference facet as the end of a sentence; empty if there is no other."""
        return f" (at {self.reference})" if len(self.facets) > 1 else ""

    def siblings(self, group: str) -> dict[str, str]:
        """Facets that differ from the reference in one group of settings only, such as init.

        Returns:
            labels of facets, the reference first, by what the group is there, e.g. {"pytorch": "init=pytorch"}.
        """
        own = [name for name in self.facet_columns if name == group or name.startswith(f"{group}.")]
        others = [name for name in self.facet_columns if name not in own and name != "lr"]
        facets = self.runs.drop_duplicates("facet").set_index("facet")
        same = facet_labels(facets, others) == facet_labels(facets, others)[self.reference]
        # a rate that goes with the group tells no siblings apart; of several, that of the reference
        is_other = facets["lr"] != facets["lr"][self.reference]
        chosen = sorted(facets.index[same], key=lambda label: (label != self.reference, is_other[label]))
        further = [name for name in own if name != group]
        named = facets[group].astype("str")
        if further:
            details = facet_labels(facets.where(facets.notna(), None), further)
            named = named.where(facets[further].isna().all(axis=1), named + " (" + details + ")")
        found: dict[str, str] = {}
        for label in chosen:
            found.setdefault(str(named[label]), str(label))
        return found

    def runs_of(self, facet: str | None = None) -> pd.DataFrame:
        """The runs of a facet, by default of the reference."""
        return self.runs[self.runs["facet"] == (self.reference if facet is None else facet)]

    def layers_of(self, facet: str | None = None) -> pd.DataFrame:
        """The rows of layers of a facet, by default of the reference."""
        return self.layers[self.layers["facet"] == (self.reference if facet is None else facet)]

    def series(self, activation: str, facet: str | None = None) -> str | None:
        """The series of an activation in a facet: that of its name, else the first with other settings of its own."""
        runs = self.runs_of(facet)
        if (runs["series"] == activation).any():
            return activation
        found = runs.loc[runs["activation"] == activation, "series"]
        return str(found.iloc[0]) if len(found) else None

    def lacking(self, *activations: str) -> list[str]:
        """Those of some activations that the reference facet has no runs of."""
        return [name for name in activations if self.series(name) is None]

    def train_command(self, **changed: str) -> str:
        """The command that would train this study with some keys of the sweep set otherwise."""
        return self.command("train.py", "-m", **changed)

    def command(self, script: str, *flags: str, **changed: str) -> str:
        """The command that would give this study, with some keys of the sweep set otherwise, to a script of src/."""
        texts = [text for text in self.overrides if text.partition("=")[0] not in changed]
        further = [f"{key}={value}" for key, value in changed.items()]
        return shlex.join(["python", f"src/{script}", *flags, *texts, *further])

    def command_for(self, *activations: str) -> str:
        """The command that would train this study with further activations."""
        known = list(dict.fromkeys(self.runs["activation"]))
        return self.train_command(activation=",".join(dict.fromkeys([*known, *activations])))


def make_evidence(
    *,
    runs: pd.DataFrame,
    layers: pd.DataFrame | ReadLayers,
    theory: pd.DataFrame,
    functions: pd.DataFrame,
    convergence: pd.DataFrame,
    run_convergence: pd.DataFrame,
    tuning: pd.DataFrame | None = None,
    timing: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    common: Mapping[str, Any] | None = None,
) -> Evidence:
    """Evidence from tables as they are in their files.

    Args:
        runs: runs.parquet.
        layers: layers.parquet, or what reads the part of it that is used.
        theory: theory.parquet.
        functions: functions.parquet.
        convergence: convergence.parquet.
        run_convergence: run_convergence.parquet.
        tuning: tuning.parquet, None if there is none.
        timing: timing.json, None if there is none.
        overrides: of the sweep.
        common: settings that are the same in all runs, as in provenance.json.
    """
    columns = facet_columns(runs.drop_duplicates(factor_columns(runs)))
    runs = labelled(runs, columns).assign(failed=is_failure(runs))
    # the rate is what tuning varies, so it tells no facets apart there
    tuned = [name for name in columns if name != "lr"]
    tuning = runs.iloc[:0] if tuning is None else as_tuned(tuning, columns)
    tuning = labelled(tuning, tuned).assign(failed=is_failure(tuning))
    if callable(layers):
        layers = layers(runs.loc[runs["facet"] == reference_label(runs, columns), "run_id"].tolist())
    return Evidence(
        runs=runs,
        layers=layers.merge(runs[["run_id", "series", "facet", "depth"]], on="run_id"),
        theory=labelled(theory, columns),
        functions=functions,
        convergence=convergence,
        run_convergence=run_convergence,
        tuning=tuning,
        timing=timing,
        facet_columns=columns,
        overrides=overrides,
        common=common or {},
    )


def by_depth(table: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """The rows of each depth, ascending."""
    return {int(str(depth)): group for depth, group in table.groupby("depth")}
