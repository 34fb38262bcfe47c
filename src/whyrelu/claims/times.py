"""Times of one activation relative to another, per element and per step, over the processes that measured both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from whyrelu.claims.selection import Row, effect
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import mean_interval, ratio_interval

# Of entries of timing.json; those of operations have no depth, width and kind, and those of steps no size and pass.
_COLUMNS = ["activation", "size", "pass", "depth", "width", "kind", "threads", "seconds"]


def time_per_element(
    study: Study, activation: str, against: str, direction: Literal["forward", "backward", "both"]
) -> list[Row]:
    """Ratio of the times per element, geometric mean over the sizes."""
    times = _times(study, "op", {} if direction == "both" else {"pass": direction})
    return _ratios(times, activation, against, "size", f"time per element, {direction}", ["threads"])


def time_of_step(study: Study, activation: str, against: str, kind: Literal["train", "inference"]) -> list[Row]:
    """Ratio of the times of a step, at each depth and at the width of the study."""
    times = _times(study, "step", {"kind": kind})
    times = times[times["width"].isin(study.runs["width"])]
    return _ratios(times, activation, against, "width", f"time of a step, {kind}", ["depth", "threads"])


def _times(study: Study, name: Literal["op", "step"], where: Mapping[str, object]) -> pd.DataFrame:
    """Entries of timing.json with these values, one row per process."""
    found = [entry for entry in study.timing.get(name, []) if where.items() <= entry.items()]
    table = pd.DataFrame(found, columns=_COLUMNS)
    return table.assign(process=table["seconds"].map(lambda s: list(range(len(s))))).explode(["seconds", "process"])


def _ratios(
    times: pd.DataFrame, activation: str, against: str, over: str, quantity: str, keys: Sequence[str]
) -> list[Row]:
    rows = []
    for place, first, second in _arms(times, activation, against, over, keys):
        # of a process, over sizes or widths
        a, b = (np.exp(np.log(arm).mean(axis=1)) for arm in (first, second))
        typical = {"first": np.exp(np.log(a).mean()), "second": np.exp(np.log(b).mean())}
        rows.append(effect(place, quantity, "ratio", ratio_interval(a, b), len(a), timed=True, **typical))
    return rows


def _arms(
    times: pd.DataFrame, activation: str, against: str, over: str, keys: Sequence[str]
) -> Iterator[tuple[Row, pd.DataFrame, pd.DataFrame]]:
    """The seconds of two activations, processes x sizes, of what both have; passes of one size are added up."""
    for place, rows in times.groupby(list(keys)):
        named = dict(zip(keys, place, strict=True))
        seconds = rows.assign(seconds=rows["seconds"].astype(float)).pivot_table(
            index="process", columns=["activation", over], values="seconds", aggfunc="sum"
        )
        if {activation, against} <= set(seconds.columns.get_level_values(0)):
            first, second = (seconds[name] for name in (activation, against))
            common = first.columns.intersection(second.columns)
            row: Row = {"init": "", "comparison": f"{activation} / {against}"}
            row["setting"] = "1 thread" if named["threads"] == 1 else f"{named['threads']} threads"
            yield row | {name: value for name, value in named.items() if name == "depth"}, first[common], second[common]


def growth_with_width(study: Study, activation: str, against: str) -> list[Row]:
    """Slope over log2 of the width of the logarithm of the ratio of the times of a training step."""
    rows = []
    times = _times(study, "step", {"kind": "train"})
    for place, first, second in _arms(times, activation, against, "width", ["depth", "threads"]):
        if first.shape[1] > 1:
            slopes = np.polyfit(np.log2(first.columns), np.log(first / second).T, 1)[0]
            quantity = "growth of the ratio of step times per doubling of the width"
            rows.append(effect(place, quantity, "", mean_interval(slopes), len(slopes), timed=True))
    return rows


def seconds_of_training_step(study: Study, activation: str, depth: int) -> float:
    """Median over processes at the width of the study; nan if it was not timed. With the fewest threads of several."""
    times = _times(study, "step", {"kind": "train", "activation": activation, "depth": depth})
    times = times[times["width"].isin(study.runs["width"])]
    return float(times.loc[times["threads"] == times["threads"].min(), "seconds"].astype(float).median())
