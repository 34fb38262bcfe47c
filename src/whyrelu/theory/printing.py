"""The prediction of one configuration in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from whyrelu.network.scalar import ScalarFunction
from whyrelu.runs.plan import prepare_data
from whyrelu.theory.configured import Theory
from whyrelu.theory.mean_field import chi_1, chi_batch_norm, fixed_points
from whyrelu.theory.prediction import PlannedLayer

_COLUMNS = {
    "q": "q",
    "chi": "chi_1",
    "gradient_ratio": "gradient / next",
    "gradient_relative": "gradient / last",
    "collapse": "collapse",
}


def print_prediction(config: Mapping[str, Any]) -> None:
    """Print what is predicted for each layer of a network, and the fixed points of its last one."""
    prepare_data([config])
    console = Console(highlight=False)
    theory = Theory()
    names = {name: config[name]["name"] for name in ("activation", "model", "init", "norm")}
    console.print(
        ", ".join(f"{key} {name}" for key, name in names.items()) + f", depth {config['depth']}, before training"
    )
    planned = theory.planned(config)
    if planned is None:
        console.print("theory does not know this model or norm")
        return
    prediction, phi = theory.of(config), theory.moments(config).phi
    (*_, last), batch_norm = planned
    console.print(f"  decades of gradient, first layer over last: {_number(prediction.decades)}")
    console.print(f"  depth scale xi, in layers: {_number(prediction.xi)}")
    if batch_norm:
        console.print(f"  chi_1 with batch norm: {_number(chi_batch_norm(phi))}")
    else:
        console.print(f"  fixed points of the last layer: {_fixed_points(phi, last)}")
    table = Table("layer", *_COLUMNS.values(), box=None, pad_edge=False)
    for column in table.columns:
        column.justify = "right"
    for i in range(len(prediction.q)):
        table.add_row(str(i + 1), *(_number(getattr(prediction, name)[i]) for name in _COLUMNS))
    console.print(table)


def _fixed_points(phi: ScalarFunction, layer: PlannedLayer) -> str:
    found = [
        f"q* = {_number(q)}, {'stable' if stable else 'unstable'}, chi_1 = "
        f"{_number(float(chi_1(phi, q, layer.weight_variance)))}"
        for q, stable in fixed_points(phi, layer.weight_variance, layer.bias_variance)
    ]
    return "; ".join(found) or "none"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
