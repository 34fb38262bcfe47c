"""What timing.json says, in the terms of the page: series, places, medians and ratios of blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from whyrelu.claims.times import Values, entries, pairs
from whyrelu.report.study import Study
from whyrelu.results.labels import PAIR
from whyrelu.statistics.summaries import Estimate, t_interval

# Within this factor of each other, times count as equal (conf/claims/C05.yaml).
EQUAL = 1.05
# What a step without any activation is timed with.
BASELINE = "identity"


@dataclass(frozen=True)
class Times:
    """timing.json of a study.

    Attributes:
        timing: its content.
        series: the activations of the reference facet that were timed in nets, in the order of the sweep.
        width: of the study's nets.
    """

    timing: Mapping[str, Any]
    series: list[str]
    width: int

    @property
    def reference(self) -> str:
        """The activation that others are compared with: relu, or else the first."""
        return PAIR[0] if PAIR[0] in self.series else self.series[0]

    @cached_property
    def depths(self) -> list[int]:
        """The depths at which nets of the study's width were timed, ascending."""
        steps = entries(self.timing, "step", width=self.width)
        return sorted({entry["depth"] for entry in steps if entry["activation"] in self.series})

    @cached_property
    def operated(self) -> list[str]:
        """The activations that were timed elementwise."""
        return list(dict.fromkeys(entry["activation"] for entry in entries(self.timing, "op")))

    @cached_property
    def sizes(self) -> list[int]:
        """The elements of tensors, ascending."""
        return sorted({entry["size"] for entry in entries(self.timing, "op")})

    def nanoseconds(self, activation: str, name: str) -> dict[int, Estimate]:
        """Nanoseconds per element of a pass by size: the median of the blocks, and the interval of their mean log."""
        found = entries(self.timing, "op", activation=activation, **{"pass": name})
        return {entry["size"]: _typical(np.array(entry["seconds"]) / entry["size"] * 1e9) for entry in found}

    def step(self, activation: str, kind: str, depth: int, width: int | None = None) -> float:
        """Median seconds of a step; nan if it was not timed."""
        wanted = {"kind": kind, "depth": depth, "width": width or self.width}
        found = entries(self.timing, "step", activation=activation, **wanted)
        return float(np.median(found[0]["seconds"])) if found else math.nan

    def ratio(self, activation: str, kind: str, depth: int, width: int | None = None) -> Estimate:
        """Time of a step relative to that of the reference, with its interval; nan if either was not timed."""
        wanted = {"kind": kind, "depth": depth, "width": width or self.width}
        found = pairs(entries(self.timing, "step", **wanted), (activation, self.reference), ["depth"])
        return ratio_of(*found[(depth,)]) if (depth,) in found else Estimate(math.nan, math.nan, math.nan)

    def shares(self, activation: str) -> dict[int, dict[int, Estimate]]:
        """The activation's share of a training step: by depth, by width."""
        found: dict[int, dict[int, Estimate]] = {}
        for entry in entries(self.timing, "step", activation=activation, kind="train"):
            if entry["activation_share"]:
                values = np.array(entry["activation_share"])
                share = Estimate(float(values.mean()), *t_interval(values))
                found.setdefault(entry["depth"], {})[entry["width"]] = share
        return found

    @property
    def subnormal(self) -> Sequence[Mapping[str, Any]]:
        """The entries on subnormal numbers."""
        return list(self.timing["subnormal"])


def times_of(study: Study) -> Times | None:
    """What was timed of a study; None if nothing was."""
    if study.timing is None:
        return None
    timed = {entry["activation"] for entry in entries(study.timing, "step")}
    series = [name for name in study.reference.series if name in timed]
    return Times(study.timing, series, int(study.reference.cells["width"].iloc[0])) if series else None


def ratio_of(first: Values, second: Values) -> Estimate:
    """Geometric mean of the ratios of paired blocks, with its interval (Student's t on logarithms)."""
    logs = np.log(first / second)
    low, high = t_interval(logs)
    return Estimate(math.exp(logs.mean()), math.exp(low), math.exp(high))


def _typical(values: Values) -> Estimate:
    low, high = t_interval(np.log(values))
    return Estimate(float(np.median(values)), math.exp(low), math.exp(high))
