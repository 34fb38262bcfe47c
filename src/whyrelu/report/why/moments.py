"""Moments of training: init, after the first epoch, the middle, the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from whyrelu.report.study import Facet

Moment = Literal["init", "first", "middle", "end"]
MOMENTS: tuple[Moment, ...] = ("init", "first", "middle", "end")
ENDS: tuple[Moment, ...] = ("init", "end")


def moment_epochs(epochs: int) -> dict[Moment, int]:
    """The epoch of each moment of a run of so many epochs; of moments that coincide, the later is left out."""
    candidates: dict[Moment, int] = {"init": 0, "end": epochs, "first": 1, "middle": epochs // 2}
    found: dict[Moment, int] = {}
    for moment, epoch in candidates.items():
        if epoch not in found.values():
            found[moment] = epoch
    return {moment: found[moment] for moment in MOMENTS if moment in found}


def at_moment(table: pd.DataFrame, moment: Moment) -> pd.DataFrame:
    """The rows of profiles that are of one moment of their own cell's training."""
    epochs = table["epochs"].map(
        {count: moment_epochs(int(count)).get(moment, -1) for count in table["epochs"].unique()}
    )
    return table[table["epoch"] == epochs]


def moments_of(facet: Facet, wanted: Sequence[Moment] = MOMENTS) -> list[Moment]:
    """Those of the wanted moments at which something was measured."""
    return [moment for moment in wanted if not at_moment(facet.profiles, moment).empty]


def moment_title(moment: Moment, epochs: int) -> str:
    """A panel's title: "at init", "epoch 7 (middle)"."""
    if moment == "init":
        return "at init"
    epoch = moment_epochs(epochs)[moment]
    return f"epoch {epoch}" + {"first": "", "middle": " (middle)", "end": " (end)"}[moment]


def mean_over_layers(facet: Facet, column: str, moment: Moment, depth: int) -> dict[str, float]:
    """By activation, the mean over the layers of the nets of one depth; nan where nothing finite was measured."""
    rows = at_moment(facet.profiles, moment)
    rows = rows[rows["depth"] == depth]
    means = rows.groupby("series")[column].mean()
    known = set(rows["series"])
    return {name: float(means.get(name, float("nan"))) for name in facet.series if name in known}


def survivors(facet: Facet, moment: Moment, depth: int) -> dict[str, tuple[int, int]]:
    """By activation, how many of its runs have numbers at a moment: (those, all)."""
    cells = facet.cells[facet.cells["depth"] == depth].set_index("series")["n"]
    rows = at_moment(facet.profiles, moment)
    least = rows[rows["depth"] == depth].groupby("series")["n"].min()
    return {str(name): (int(least.get(name, 0)), int(count)) for name, count in cells.items()}


def moment_words(moment: Moment, epochs: int) -> str:
    """A moment in a sentence: "at init", "after epoch 1", "at the end (epoch 15)"."""
    epoch = moment_epochs(epochs)[moment]
    places = {"init": "at init", "first": f"after epoch {epoch}", "middle": f"in the middle (epoch {epoch})"}
    return places.get(moment, f"at the end (epoch {epoch})")


def survivors_note(facet: Facet, moment: Moment, depth: int) -> str:
    """A sentence on the activations of which not all runs have numbers; empty if all have."""
    fewer = [f"{name} {n} of {every}" for name, (n, every) in survivors(facet, moment, depth).items() if n < every]
    return f" Of these runs only some have finite numbers then: {', '.join(fewer)}." if fewer else ""
