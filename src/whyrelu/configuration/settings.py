"""One point of a grid: what it shares with others, and what is its own.

A grid of a hundred thousand points would fill the memory with configurations that differ in a seed; so a point holds a
reference to a resolved configuration that it shares, and its own values of a few settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from whyrelu.configuration.schema import TUNED

Change = tuple[str, Any]


class Settings(NamedTuple):
    """A resolved configuration, as another one with some settings replaced.

    Attributes:
        shared: resolved; many points refer to it, so that nobody may change it.
        changes: dotted keys with their values; no key lies within another, and all are in `shared`.
    """

    shared: Mapping[str, Any]
    changes: tuple[Change, ...] = ()

    def config(self) -> dict[str, Any]:
        """The configuration as plain values that share nothing with others."""
        config: dict[str, Any] = _copied(self.shared)
        for key, value in self.changes:
            *path, name = key.split(".")
            place = config
            for part in path:
                place = place[part]
            place[name] = _copied(value)
        return config

    def value(self, key: str) -> Any:
        """The value of one setting, by its dotted key; not to be changed."""
        for changed, value in self.changes:
            if changed == key:
                return value
        place: Any = self.shared
        for part in key.split("."):
            place = place[part]
        return place

    def changed(self, **values: Any) -> Settings:
        """The same with some top-level settings replaced."""
        kept = tuple(change for change in self.changes if change[0] not in values)
        return Settings(self.shared, (*kept, *values.items()))


class Job(NamedTuple):
    """One point of a grid: its overrides, those of them that vary over the grid, and its settings.

    `is_tuned` tells whether its learning rate was given as "tuned"; the settings have the number.
    """

    overrides: list[str]
    varied: list[str]
    settings: Settings
    is_tuned: bool = False

    @property
    def given_lr(self) -> str:
        """What the learning rate was given as: "tuned", or its number."""
        return TUNED if self.is_tuned else f"{float(self.settings.value('lr')):.12g}"

    @property
    def config(self) -> dict[str, Any]:
        """Its resolved configuration, made anew each time."""
        return self.settings.config()

    @property
    def label(self) -> str:
        """What tells this point from the others of its grid."""
        return " ".join(self.varied or self.overrides) or "defaults"


def one_per_cell(jobs: Iterable[Job]) -> list[Job]:
    """Return the first of all points that differ in the seed only; some of the same cell may stay."""
    cells: dict[tuple[int, bool, str], Job] = {}
    for job in jobs:
        own = [change for change in job.settings.changes if change[0] != "seed"]
        cells.setdefault((id(job.settings.shared), job.is_tuned, repr(own)), job)
    return list(cells.values())


def _copied(value: Any) -> Any:
    """A copy of nested dictionaries and lists, at a tenth of the time of `copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
