"""The tables of the theory: predictions for the cells of a study, and its activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from whyrelu.config.grid import Run, one_per_cell
from whyrelu.diagnostics.saturation import slope_scale
from whyrelu.network.activations import activation_factory
from whyrelu.results.columns import ACTIVE_COLUMNS, FUNCTION_COLUMNS, THEORY_COLUMNS
from whyrelu.results.files import write_table
from whyrelu.results.given_rates import GIVEN_LR, compares_tuned_with_given
from whyrelu.results.labels import series_labels
from whyrelu.results.tables import planned_cells
from whyrelu.runs.identity import factors
from whyrelu.runs.plan import one_study, prepare_data
from whyrelu.theory.active import active_set
from whyrelu.theory.configured import Theory, scales

# Where activations are drawn.
_DRAWN = np.round(np.arange(-6, 6.01, 0.05), 2)


def write_predictions(runs: Sequence[Run]) -> str:
    """Write theory.parquet and functions.parquet of the study of a grid, and return a line about it."""
    cells = one_per_cell(runs)
    configs = [run.config for run in cells]
    directory = Path("results") / one_study(configs)
    prepare_data(configs)
    theory = Theory()
    given = [way for run in cells for way in run.given_lr]
    predicted = predicted_cells(configs, theory, given if compares_tuned_with_given(given) else None)
    write_table(predicted, directory / "theory.parquet")
    write_table(drawn_functions(configs, theory), directory / "functions.parquet")
    return f"{int((predicted['layer'] == 1).sum())} cells -> {directory / 'theory.parquet'}"


def predicted_cells(
    configs: Sequence[Mapping[str, Any]], theory: Theory, given_lr: Sequence[str] | None = None
) -> pd.DataFrame:
    """theory.parquet: the factors of every cell of a study and `columns.THEORY_COLUMNS`, one row per layer.

    Args:
        configs: resolved configurations of the runs, with prepared data; those that differ in the seed are one cell.
        theory: what is known already.
        given_lr: what lr was given as for each of them, if that is an axis of the study.
    """
    runs = [factors(config) for config in configs]
    if given_lr is not None:
        runs = [run | {GIVEN_LR: way} for run, way in zip(runs, given_lr, strict=True)]
    cells = planned_cells(runs)
    numbers: dict[str, list[np.ndarray]] = {name: [] for name in THEORY_COLUMNS}
    for run in cells["run"]:
        prediction = theory.of(configs[run])
        layers = len(prediction.q)
        xi, depth = scales(prediction, configs[run]["precision"])
        of_cell = {
            "layer": np.arange(1, layers + 1),
            "xi": np.full(layers, xi),
            "roundoff_depth": np.full(layers, depth),
        }
        for name, column in numbers.items():
            column.append((prediction._asdict() | of_cell)[name])
    counts = [len(part) for part in numbers["layer"]]
    named = cells.drop(columns="run").loc[np.repeat(np.arange(len(cells)), counts)].reset_index(drop=True)
    predicted = pd.DataFrame({name: np.concatenate(parts) for name, parts in numbers.items()}).astype(THEORY_COLUMNS)
    return pd.concat([named, predicted], axis=1)


def drawn_functions(configs: Sequence[Mapping[str, Any]], theory: Theory) -> pd.DataFrame:
    """functions.parquet: every distinct activation of a study, under the name of its series.

    Args:
        configs: as those of `predicted_cells`.
        theory: what is known already.
    """
    cells = planned_cells([factors(config) for config in configs])
    labels = series_labels(cells)
    parts = []
    for label, run in zip(labels[~labels.duplicated()], cells["run"][~labels.duplicated()], strict=True):
        phi = theory.moments(configs[run]).phi
        scale = slope_scale(activation_factory(configs[run]["activation"])())
        x = torch.from_numpy(_DRAWN)
        slopes = phi.slope(x).numpy()
        data = {
            "activation": label,
            "x": _DRAWN,
            "value": phi.value(x).numpy(),
            "slope": slopes,
            "saturated": np.abs(slopes) <= scale.threshold,
        }
        data |= {f"active_{name}": end for name, end in active_set(phi.slope, scale.threshold)._asdict().items()}
        parts.append(pd.DataFrame(data).astype(FUNCTION_COLUMNS | ACTIVE_COLUMNS))
    return pd.concat(parts, ignore_index=True)
