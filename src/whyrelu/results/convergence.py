"""How fast runs learn, from what was measured at the end of every epoch.

An epoch is an evaluation; its step is the number of training steps taken by its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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

    step: NDArray[np.int64]
    reached: NDArray[np.bool_]


def first_reached(accuracy: ArrayLike, steps: ArrayLike, threshold: float) -> Reached:
    """The first step with an accuracy of at least `threshold` on two evaluations in a row: that of the first one.

    One evaluation alone can be luck. A threshold that only the last evaluation reaches counts as not reached.

    Args:
        accuracy: shape (..., evaluations); those that are nan reach nothing.
        steps: shape (..., evaluations), training steps before each.
        threshold: fraction of 1.

    Returns:
        shapes (...).

    Raises:
        ValueError: there is no evaluation, or not as many steps.
    """
    values, when = np.asarray(accuracy, dtype=np.float64), np.asarray(steps)
    if values.ndim < 1 or values.shape != when.shape or values.shape[-1] == 0:
        raise ValueError(f"expected as many steps as evaluations, got shapes {values.shape} and {when.shape}")
    above = values >= threshold
    # the last is never one of two in a row
    twice = np.zeros_like(above)
    twice[..., :-1] = above[..., :-1] & above[..., 1:]
    reached = np.asarray(twice.any(axis=-1))
    index = np.where(reached, twice.argmax(axis=-1), values.shape[-1] - 1)
    return Reached(np.take_along_axis(when, index[..., None], axis=-1)[..., 0], reached)


def censored(rows: pd.DataFrame, last: float) -> Censored:
    """Times to a threshold of one group of runs.

    A run that diverged will never reach it: it counts as followed to the end, and not as one that might have reached
    it had it been followed for longer.

    Args:
        rows: of convergence.parquet, at one threshold.
        last: step at which training ends if it is not stopped.
    """
    return Censored(rows["step"].where(rows["reached"], last).to_numpy("float64"), rows["reached"].to_numpy("bool"))


def area_under_curve(accuracy: ArrayLike) -> NDArray[np.float64]:
    """Mean accuracy over evaluations: the area under the learning curve, as a fraction of what can be reached.

    Args:
        accuracy: shape (..., evaluations), at least one.

    Returns:
        shape (...).
    """
    return np.asarray(np.mean(np.ascontiguousarray(accuracy, dtype=np.float64), axis=-1))


def plateau_length(train_loss: ArrayLike, steps: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Training steps in epochs with a train loss above ln(classes) - 0.02 nats: no better than guessing.

    Args:
        train_loss: shape (..., epochs) in nats; nan, where a run diverged, is no plateau.
        steps: shape (..., epochs), training steps before the end of each epoch.
        classes: of the data.

    Returns:
        shape (...).
    """
    lengths = np.diff(np.asarray(steps), prepend=0, axis=-1)
    is_plateau = np.asarray(train_loss, dtype=np.float64) > math.log(classes) - PLATEAU
    return np.asarray(np.where(is_plateau, lengths, 0).sum(axis=-1))


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
    curves = _curves(runs, history)
    parts = [
        (rows, np.full(len(rows), threshold), *first_reached(curves.accuracy[rows], curves.steps[rows], threshold))
        for data, rows in _rows_of(runs["data"])
        for threshold in sorted(thresholds[data])
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or [np.empty(0, dtype=np.int64)] * 4
    order = np.argsort(columns[0], kind="stable")
    ids = runs["run_id"].to_numpy()[columns[0][order]]
    values = (ids, *(column[order] for column in columns[1:]))
    return pd.DataFrame(dict(zip(CONVERGENCE_COLUMNS, values, strict=True))).astype(CONVERGENCE_COLUMNS)


def run_convergence_table(runs: pd.DataFrame, history: pd.DataFrame, classes: Mapping[str, int]) -> pd.DataFrame:
    """run_convergence.parquet: the area under the curve of validation accuracy of each run, and its plateau.

    The curve of a run that stopped early goes on with its last value, so that stopping is no advantage.

    Args:
        runs: runs.parquet.
        history: history.parquet of the same runs.
        classes: of each data set among the runs.
    """
    curves, matrix = _curves(runs, history), validation_matrix(runs, history)
    area, plateau = np.empty(len(runs)), np.empty(len(runs), dtype=np.int64)
    for epochs, rows in _rows_of(runs["epochs"]):
        area[rows] = area_under_curve(matrix[rows, :epochs])
    for data, rows in _rows_of(runs["data"]):
        plateau[rows] = plateau_length(curves.train_loss[rows], curves.steps[rows], classes[data])
    values = (runs["run_id"], area, plateau)
    return pd.DataFrame(dict(zip(RUN_CONVERGENCE_COLUMNS, values, strict=True))).astype(RUN_CONVERGENCE_COLUMNS)


class _Curves(NamedTuple):
    """All runs, each with its own evaluations and then nan up to the most of any run; shapes (runs, evaluations).

    Attributes:
        accuracy: on validation images.
        train_loss: in nats.
        steps: taken before each evaluation, and where there is none before the last; 0 without any.
    """

    accuracy: NDArray[np.float64]
    train_loss: NDArray[np.float64]
    steps: NDArray[np.int64]


def _curves(runs: pd.DataFrame, history: pd.DataFrame) -> _Curves:
    row = pd.Series(np.arange(len(runs)), index=runs["run_id"])[history["run_id"]].to_numpy()
    order = np.argsort(row, kind="stable")
    row = row[order]
    counts = np.bincount(row, minlength=len(runs))
    column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(runs), max(1, int(counts.max(initial=0)))
    accuracy, train_loss, epochs = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    accuracy[row, column] = history["val_accuracy"].to_numpy()[order]
    train_loss[row, column] = history["train_loss"].to_numpy()[order]
    epochs[row, column] = history["epoch"].to_numpy()[order]
    last = epochs[np.arange(len(runs)), np.maximum(counts - 1, 0)]
    # every epoch has as many steps
    per_epoch = np.divide(runs["steps"].to_numpy(), last, out=np.zeros(len(runs)), where=last > 0)
    taken = np.rint(epochs * per_epoch[:, None]).astype(np.int64)
    return _Curves(accuracy, train_loss, np.maximum.accumulate(taken, axis=1))


def _rows_of(values: pd.Series) -> list[tuple[Any, NDArray[np.intp]]]:
    """The positions of each distinct value."""
    return [(value, np.flatnonzero(values == value)) for value in values.unique()]
