"""Steps and time to a validation accuracy, and how steps grow with the depth."""

import itertools
import math
from typing import Literal

import numpy as np
import pandas as pd

from whyrelu.claims.selection import Row, Where, effect, pairs, plain, settings, with_setting
from whyrelu.claims.times import seconds_of_training_step
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import mean_interval, ratio_interval

# The validation accuracy that runs shall reach on two evaluations running.
ACCURACY = {"digits": 0.9, "cifar10": 0.5}
OTHER_ACCURACY = 0.5


def arrivals(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """`arrived` (steps to the second of two evaluations running at the accuracy, or nan) and `horizon`, a row per run.

    The horizon is the steps of all epochs; the mean of steps up to it is the restricted mean (Royston and Parmar 2013),
    for a run that ends early has arrived or diverged.
    """
    if runs.empty:
        return runs.reindex(columns=["arrived", "horizon"])
    epochs = history[history["run_id"].isin(runs["run_id"])].sort_values(["run_id", "epoch"])
    bars = runs.set_index("run_id")["data"].map(lambda data: ACCURACY.get(data, OTHER_ACCURACY))
    is_there = epochs["val_accuracy"] >= epochs["run_id"].map(bars)
    twice = is_there & is_there.groupby(epochs["run_id"]).shift(fill_value=False)
    arrival = epochs[twice].groupby("run_id")["epoch"].min()
    per_epoch = runs["steps"] / runs["run_id"].map(epochs.groupby("run_id")["epoch"].max())
    return pd.DataFrame({"arrived": runs["run_id"].map(arrival) * per_epoch, "horizon": runs["epochs"] * per_epoch})


def steps_to_accuracy(study: Study, activation: str, against: str) -> list[Row]:
    """Ratio of the steps to the accuracy, geometric mean over pairs by seed, of plain networks.

    The smallest budget decides; the largest stands beside it.
    """
    return _ratios(study, activation, against)


def time_to_accuracy(study: Study, activation: str, against: str) -> list[Row]:
    """Ratio of the times to the accuracy: steps times the seconds of a training step, where these were measured."""
    return _ratios(study, activation, against, timed=True)


def _ratios(study: Study, activation: str, against: str, timed: bool = False) -> list[Row]:
    runs = plain(study.runs, {}, "ends")
    runs = runs[runs["activation"].isin([activation, against])]
    counts = runs["run_id"].isin(plain(runs, {})["run_id"])
    steps = arrivals(runs, study.history)
    rows = []
    for place, own in settings(runs, by_arm=False):
        seconds = [
            seconds_of_training_step(study, name, place["depth"]) if timed else 1.0 for name in (activation, against)
        ]
        for first, second, both in pairs(own.join(steps), activation, against):
            horizon = both[["horizon_first", "horizon_second"]].min(axis=1)
            a, b = (np.fmin(both[f"arrived_{arm}"], horizon) for arm in ("first", "second"))
            shares = [both[f"arrived_{arm}"].notna().mean() for arm in ("first", "second")]
            if not any(shares) or np.isnan(seconds).any():
                continue
            ratio = ratio_interval(a * seconds[0], b * seconds[1])
            # with few arrivals the horizon bounds it from one side
            low, high = (-math.inf if shares[1] < 0.5 else ratio.low), (math.inf if shares[0] < 0.5 else ratio.high)
            means = [math.exp(np.log(arm).mean()) * scale for arm, scale in zip((a, b), seconds, strict=True)]
            place["comparison"] = f"{first} / {second}"
            rows.append(
                effect(
                    place,
                    "time to the accuracy" if timed else "steps to the accuracy",
                    "ratio",
                    ratio._replace(low=max(low, 0.0), high=high),
                    len(both),
                    first=means[0],
                    second=means[1],
                    share_first=shares[0],
                    share_second=shares[1],
                    timed=timed,
                    beside=not counts[own.index].any(),
                )
            )
    return rows


def growth_of_steps(study: Study, where: Where, law: Literal["exponential", "power"]) -> list[Row]:
    """Slope of ln steps over the depth (exponential) or over its logarithm (power), a line for each seed.

    Up to the largest depth to which every run arrives at all depths: beyond, only a lower bound of the steps is known.
    Beside it stands the slope without the smallest depth.
    """
    runs = plain(study.runs, where)
    steps = arrivals(runs, study.history)
    rows = []
    for (place, every), begin in itertools.product(settings(runs, by_depth=False), (0, 1)):
        every = every.join(steps)
        arrives = every.groupby("depth")["arrived"].apply(lambda steps: steps.notna().all())[begin:]
        own = every[every["depth"].isin(arrives.index[arrives.cumprod().astype(bool)])]
        depths = own["depth"].unique()
        if len(depths) > 1:
            x = own["depth"] if law == "exponential" else np.log(own["depth"])
            y = np.log(own["arrived"])
            slopes = [np.polyfit(x[seed.index], y[seed.index], 1)[0] for _, seed in own.groupby("seed")]
            reached = with_setting(place, f"depth {min(depths)} to {max(depths)}")
            quantity = f"growth of steps with depth, {law}"
            rows.append(effect(reached, quantity, "", mean_interval(slopes), len(slopes), beside=begin > 0))
    return rows
