"""How fast runs learn, from what was measured at the end of every epoch.

An epoch is an evaluation; its step is the number of training steps taken by its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from whyrelu.results.cells import validation_matrix
from whyrelu.results.columns import CONVERGENCE_COLUMNS, RUN_CONVERGENCE_COLUMNS
from whyrelu.statistics.survival import Censored

# A network whose train loss is within this of that of guessing, ln(classes) nats, is on a plateau.
PLATEAU = 0.02


class Reached(NamedTuple):
    """When a threshold was reached: a training step, and whether it was; the last step if it was not (censored)."""

    step: int
    reached: bool


def first_reached(accuracy: ArrayLike, steps: ArrayLike, threshold: float) -> Reached:
    """The first step with an accuracy of at least `threshold` on two evaluations in a row: that of the first one.

    One evaluation alone can be luck. A threshold that only the last evaluation reaches counts as not reached.

    Args:
        accuracy: shape (evaluations,); those that are nan reach nothing.
        steps: shape (evaluations,), training steps before each.
        threshold: fraction of 1.

    Raises:
        ValueError: there is no evaluation, or not as many steps.
    """
    values, when = np.asarray(accuracy, dtype=np.float64), np.asarray(steps)
    if values.ndim != 1 or values.shape != when.shape or len(values) == 0:
        raise ValueError(f"expected as many steps as evaluations, got shapes {values.shape} and {when.shape}")
    above = values >= threshold
    twice = np.flatnonzero(above[:-1] & above[1:])
    return Reached(int(when[twice[0]]), True) if len(twice) else Reached(int(when[-1]), False)


def censored(rows: pd.DataFrame, last: float) -> Censored:
    """Times to a threshold of one group of runs.

    A run that diverged will never reach it: it counts as followed to the end, and not as one that might have reached
    it had it been followed for longer.

    Args:
        rows: of convergence.parquet, at one threshold.
        last: step at which training ends if it is not stopped.
    """
    return Censored(rows["step"].where(rows["reached"], last).to_numpy("float64"), rows["reached"].to_numpy("bool"))


def area_under_curve(accuracy: ArrayLike) -> float:
    """Mean accuracy over evaluations: the area under the learning curve, as a fraction of what can be reached.

    Args:
        accuracy: shape (evaluations,), at least one.
    """
    return float(np.mean(np.asarray(accuracy, dtype=np.float64)))


def plateau_length(train_loss: ArrayLike, steps: ArrayLike, classes: int) -> int:
    """Training steps in epochs with a train loss above ln(classes) - 0.02 nats: no better than guessing.

    Args:
        train_loss: shape (epochs,) in nats; nan, where a run diverged, is no plateau.
        steps: shape (epochs,), training steps before the end of each epoch.
        classes: of the data.
    """
    lengths = np.diff(np.asarray(steps), prepend=0)
    return int(lengths[np.asarray(train_loss, dtype=np.float64) > math.log(classes) - PLATEAU].sum())


def convergence_table(
    runs: pd.DataFrame, history: pd.DataFrame, thresholds: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """convergence.parquet: when each run reached each threshold.

    Args:
        runs: runs.parquet.
        history: history.parquet of the same runs.
        thresholds: of validation accuracy, for each data set among the runs.

    Returns:
        one row per run, in their order, and threshold, ascending.
    """
    rows = []
    for run_id, data, accuracy, _, steps in _curves(runs, history):
        for threshold in sorted(thresholds[data]):
            # a run that ended before its first evaluation has reached nothing
            found = first_reached(accuracy, steps, threshold) if len(steps) else Reached(0, False)
            rows.append((run_id, threshold, *found))
    return pd.DataFrame(rows, columns=list(CONVERGENCE_COLUMNS)).astype(CONVERGENCE_COLUMNS)


def run_convergence_table(runs: pd.DataFrame, history: pd.DataFrame, classes: Mapping[str, int]) -> pd.DataFrame:
    """run_convergence.parquet: the area under the curve of validation accuracy of each run, and its plateau.

    The curve of a run that stopped early goes on with its last value, so that stopping is no advantage.

    Args:
        runs: runs.parquet.
        history: history.parquet of the same runs.
        classes: of each data set among the runs.
    """
    matrix = validation_matrix(runs, history)
    epochs = runs["epochs"].to_numpy()
    rows = [
        (run_id, area_under_curve(matrix[i, : epochs[i]]), plateau_length(loss, steps, classes[data]))
        for i, (run_id, data, _, loss, steps) in enumerate(_curves(runs, history))
    ]
    return pd.DataFrame(rows, columns=list(RUN_CONVERGENCE_COLUMNS)).astype(RUN_CONVERGENCE_COLUMNS)


_Curve = tuple[str, str, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def _curves(runs: pd.DataFrame, history: pd.DataFrame) -> list[_Curve]:
    """Per run: its id, its data set, and per epoch validation accuracy, train loss and steps taken so far."""
    groups = {run_id: group for run_id, group in history.groupby("run_id", sort=False)}
    curves: list[_Curve] = []
    for run_id, data, steps in zip(runs["run_id"], runs["data"], runs["steps"], strict=True):
        group = groups.get(run_id, history.iloc[:0])
        epochs = group["epoch"].to_numpy()
        # every epoch has as many steps
        per_epoch = int(steps) / int(epochs[-1]) if len(epochs) else 0.0
        taken = np.rint(epochs * per_epoch).astype(np.int64)
        curves.append((run_id, data, group["val_accuracy"].to_numpy(), group["train_loss"].to_numpy(), taken))
    return curves
