"""theory.parquet: predictions for the cells of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.config.grid import Run, one_per_cell
from whyrelu.results.columns import THEORY_COLUMNS
from whyrelu.results.files import write_table
from whyrelu.results.labels import LR_GIVEN
from whyrelu.results.tables import compares_tuned_with_given, planned_cells
from whyrelu.runs.identity import factors
from whyrelu.runs.plan import one_study, prepare_data
from whyrelu.theory.configured import Theory


def write_predictions(runs: Sequence[Run]) -> str:
    """Write theory.parquet of the study of a grid, and return a line about it."""
    cells = one_per_cell(runs)
    configs = [run.config for run in cells]
    path = Path("results") / one_study(configs) / "theory.parquet"
    prepare_data(configs)
    given = [way for run in cells for way in run.given_lr]
    predicted = predicted_cells(configs, Theory(), given if compares_tuned_with_given(given) else None)
    write_table(predicted, path)
    return f"{int((predicted['layer'] == 1).sum())} cells -> {path}"


def predicted_cells(
    configs: Sequence[Mapping[str, Any]], theory: Theory, given_lr: Sequence[str] | None = None
) -> pd.DataFrame:
    """The factors of every cell of a study and `columns.THEORY_COLUMNS`, one row per layer.

    Configurations that differ in the seed are one cell; `given_lr` is what lr was given as, if that is an axis.
    """
    runs = [factors(config) for config in configs]
    if given_lr is not None:
        runs = [run | {LR_GIVEN: way} for run, way in zip(runs, given_lr, strict=True)]
    cells = planned_cells(runs)
    parts = []
    for run in cells["run"]:
        prediction = theory.of(configs[run])
        parts.append(pd.DataFrame({"layer": np.arange(1, len(prediction.q) + 1), **prediction._asdict()}))
    named = cells.drop(columns="run").loc[np.repeat(cells.index, [len(part) for part in parts])].reset_index(drop=True)
    predicted = pd.concat(parts, ignore_index=True)[list(THEORY_COLUMNS)].astype(THEORY_COLUMNS)
    return pd.concat([named, predicted], axis=1)
