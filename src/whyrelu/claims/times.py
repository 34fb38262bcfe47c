"""Reading timing.json: the blocks of two activations that belong together, and the seconds of a step.

timing.json is described in `whyrelu.timing.stage`. Where it holds several numbers of threads, claims are about that of
the study's own runs, or else about the smallest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Timing = Mapping[str, Any]
Entry = Mapping[str, Any]

# What a test is of that compares times to a threshold, with the threshold in three digits; in `contrasts.parquet`.
SECONDS_TO = "seconds to a validation accuracy of {}"


def entries(timing: Timing | None, what: str, /, **wanted: Any) -> list[Entry]:
    """The entries of one kind with the study's number of threads.

    Args:
        timing: timing.json; None if there is none.
        what: "op" or "step".
        wanted: values that they must have.
    """
    found = list((timing or {}).get(what, []))
    if not found:
        return []
    used = {entry["threads"] for entry in found}
    own = (timing or {}).get("machine", {}).get("threads")
    threads = own if own in used else min(used)
    wanted = {"threads": threads, **wanted}
    return [entry for entry in found if all(entry[name] == value for name, value in wanted.items())]


def pairs(
    found: Sequence[Entry], names: tuple[str, str], keys: Sequence[str]
) -> dict[tuple[int, ...], tuple[Values, Values]]:
    """Blocks of two activations, of equal length, wherever both were timed.

    Args:
        found: entries.
        names: of the two.
        keys: what tells places apart; results are by their values, ascending.
    """
    places: dict[tuple[int, ...], dict[str, Values]] = {}
    for entry in found:
        if entry["activation"] in names:
            place = tuple(entry[key] for key in keys)
            places.setdefault(place, {})[entry["activation"]] = np.array(entry["seconds"], dtype=np.float64)
    both = {}
    for place in sorted(places):
        arms = places[place]
        if len(arms) == len(set(names)):
            n = min(len(arms[name]) for name in names)
            both[place] = (arms[names[0]][:n], arms[names[1]][:n])
    return {place: arms for place, arms in both.items() if len(arms[0])}


def step_seconds(timing: Timing | None, activation: str, depth: int, width: int) -> float | None:
    """Median seconds of one training step; None if it was not timed.

    Args:
        timing: timing.json; None if there is none.
        activation: name of the series.
        depth: of the net.
        width: of the net.
    """
    for entry in entries(timing, "step", activation=activation, depth=depth, width=width, kind="train"):
        if entry["seconds"]:
            return float(np.median(entry["seconds"]))
    return None
