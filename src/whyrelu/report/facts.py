"""What pages and figures ask of a study: groups of runs, their names, and the rows of its claims."""

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from whyrelu.report.names import FACTORS, activation_name, data_name, setting_name
from whyrelu.results.labels import varying
from whyrelu.results.study import Study

# Variants of the sigmoid: changes of it, beside changes of the network.
_VARIANTS = ("shifted_sigmoid", "rescaled_sigmoid", "centred_sigmoid")
_ORDER = ("digits", "trainability", "remedies", "today", "time_law", "article", "cifar10", "cifar10_remedies")


class Group(NamedTuple):
    """Some runs: how many learned or arrived, their mean accuracy, the most steps, and the median of the successful."""

    learned: int
    n: int
    accuracy: float
    steps: int
    median_steps: float

    @property
    def share(self) -> float:
        """The share of the runs that learned."""
        return self.learned / self.n


class Facts:
    """The tables of a study with names for readers: columns `act`, its activation, and `setting`, what else varies."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.name = study.name

    @cached_property
    def factors(self) -> list[str]:
        """The factors that tell the cells apart."""
        return varying(self.study.cells)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Runs, with names, and whether they `succeeded`: learned, or arrived where runs end at an accuracy."""
        runs = self.study.runs
        learned = self._ended_early if self.stops_early else runs["outcome"] == "learned"
        return self.named(runs.assign(succeeded=learned))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Cells, with names."""
        return self.named(self.study.cells)

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add the columns `act` and `setting`."""
        rows = table.to_dict("records")
        factors = [factor for factor in self.factors if factor in table]
        return table.assign(
            act=[activation_name(row) for row in rows], setting=[setting_name(row, factors) for row in rows]
        )

    @cached_property
    def changes(self) -> dict[str, dict[str, pd.DataFrame]]:
        """The runs of every setting by activation; the first setting is named as it is, others by what they change."""
        base = self.cells.iloc[0]
        one_setting, has_sigmoid = self.cells["setting"].nunique() == 1, "sigmoid" in set(self.cells["activation"])
        rows: dict[str, dict[str, pd.DataFrame]] = {}
        for _, cell in self.cells.iterrows():
            variant = has_sigmoid and cell["activation"] in _VARIANTS
            changed = [factor for factor in self.factors if str(cell[factor]) != str(base[factor])]
            words = [cell["act"] if variant or one_setting else "", setting_name(cell.to_dict(), changed)]
            if cell["setting"] == base["setting"] and not any(words):
                words = [base["setting"]]
            name = ", ".join(filter(None, words)) or "plain"
            runs = self.runs[(self.runs["act"] == cell["act"]) & (self.runs["setting"] == cell["setting"])]
            rows.setdefault(name, {})["sigmoid" if variant else cell["activation"]] = runs
        return rows

    # one row per setting of a part of a claim
    effects = cached_property(lambda self: self.study.effects.assign(study=self.name))

    def group(self, min_depth: int = 0, gain: float | None = None, **where: Any) -> Group | None:
        """The runs with some values of factors; None if there are none."""
        runs = self.runs[self.runs["depth"] >= min_depth]
        for name, value in (where if gain is None else where | {"init.gain": gain}).items():
            if name not in runs:
                return None
            runs = runs[runs[name] == value]
        return group_of(runs)

    def arms(self, activation: str) -> list[dict[str, Any]]:
        """The settings of an activation by name, in the order of `changes`, with the numbers of a group."""
        arms = ((name, group_of(rows[activation])) for name, rows in self.changes.items() if activation in rows)
        return [{"name": name, "share": group.share, **group._asdict()} for name, group in arms if group is not None]

    @property
    def varied(self) -> list[tuple[str, list[str]]]:
        """What varies beside activation and depth, and its values, in words."""
        cells = self.study.cells
        return [
            (
                FACTORS.get(factor, factor),
                [setting_name({factor: value}, [factor]) or "none" for value in cells[factor].unique()],
            )
            for factor in self.factors
            if factor not in ("depth", "epochs") and not factor.startswith("activation")
        ]

    def rows(self, claim: str, part: str | None = None) -> list[dict[Any, Any]]:
        """The effects of a claim, or of a part of it."""
        rows: list[dict[Any, Any]] = self.effects[self.effects["claim"] == claim].to_dict("records")
        return [row for row in rows if part in (None, row["part"])]

    @property
    def depths(self) -> list[int]:
        """The depths of the study."""
        return sorted({int(depth) for depth in self.study.cells["depth"]})

    @property
    def place(self) -> str:
        """The study and, unless its name says it, its data."""
        return self.name if self.name == self.data[0] else f"{self.name} ({data_name(self.data[0])})"

    @property
    def data(self) -> list[str]:
        """Its data sets."""
        return list(dict.fromkeys(self.study.cells["data"]))

    @cached_property
    def stops_early(self) -> bool:
        """Whether runs end where they reach an accuracy."""
        return bool(self._ended_early.any())

    @property
    def verb(self) -> str:
        """What runs did that succeeded."""
        return "arrived" if self.stops_early else "learned"

    @cached_property
    def _ended_early(self) -> pd.Series:
        """Whether runs were over before their last epoch, although they did not diverge."""
        runs = self.study.runs
        last = runs["run_id"].map(self.study.history.groupby("run_id")["epoch"].max())
        early: pd.Series = (last < runs["epochs"]) & (runs["status"] == "completed")
        return early


def group_of(runs: pd.DataFrame) -> Group | None:
    """The numbers of some runs; None if there are none."""
    if runs.empty:
        return None
    succeeded = runs["succeeded"]
    return Group(
        int(succeeded.sum()),
        len(runs),
        float(runs["test_accuracy"].mean()),
        int(runs["steps"].max()),
        float(runs.loc[succeeded, "steps"].median()),
    )


def all_studies(results: Path) -> list[Facts]:
    """The studies that have tables, in the order of docs/protocol.md, and then a person's own."""
    names = sorted(path.parent.name for path in results.glob("*/runs.parquet"))
    own = [name for name in names if name not in _ORDER]
    return [Facts(Study(results / name)) for name in [*_ORDER, *own] if name in names]
