"""The prediction of one configuration in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from whyrelu.diagnostics.saturation import slope_scale
from whyrelu.network.activations import activation_factory
from whyrelu.network.scalar import ScalarFunction
from whyrelu.runs.plan import prepare_data
from whyrelu.theory.active import active_set
from whyrelu.theory.configured import Theory, scales
from whyrelu.theory.mean_field import (
    chi_1,
    chi_batch_norm,
    edge_of_chaos,
    fixed_points,
    length_map,
    matched_weight_variance,
)
from whyrelu.theory.prediction import PlannedLayer

_COLUMNS = {
    "q": "q",
    "chi": "chi_1",
    "gradient_ratio": "gradient / next",
    "gradient_relative": "gradient / last",
    "collapse": "collapse",
}


def print_prediction(config: Mapping[str, Any]) -> None:
    """Print what is predicted for each layer of a network, and the theory of its activation and initialisation."""
    prepare_data([config])
    console = Console(highlight=False)
    theory = Theory()
    phi, prediction = theory.moments(config).phi, theory.of(config)
    names = {name: config[name]["name"] for name in ("activation", "init", "norm")}
    depth = config["depth"]
    console.print(
        f"{names['activation']}, init {names['init']}, norm {names['norm']}, depth {depth}, at initialisation"
    )
    xi, roundoff = scales(prediction, config["precision"])
    facts = {"depth scale xi": f"{_number(xi)} layers", "round-off depth": f"{_number(roundoff)} layers"}
    planned = theory.planned(config)
    if planned is not None:
        (*_, last), batch_norm = planned
        facts |= {"chi_1 with batch norm": _number(chi_batch_norm(phi))} if batch_norm else _facts(phi, last)
    scale = slope_scale(activation_factory(config["activation"])())
    facts["largest slope"] = _number(scale.maximum)
    facts["width where abs(phi') > 5% of it"] = _number(active_set(phi.slope, scale.threshold).width)
    for name, text in facts.items():
        console.print(f"  {name}: {text}")
    table = Table("layer", *_COLUMNS.values(), box=None, pad_edge=False)
    for column in table.columns:
        column.justify = "right"
    for i in range(len(prediction.q)):
        table.add_row(str(i + 1), *(_number(getattr(prediction, name)[i]) for name in _COLUMNS))
    console.print(table)


def _facts(phi: ScalarFunction, layer: PlannedLayer) -> dict[str, str]:
    """The theory of an activation with the variances of a layer."""
    weight_variance, bias_variance = layer.weight_variance, layer.bias_variance
    facts = {"sigma_w^2, sigma_b^2": f"{_number(weight_variance)}, {_number(bias_variance)} (last layer)"}
    found = fixed_points(phi, weight_variance, bias_variance)
    points = [
        f"{_number(q)} ({'stable' if stable else 'unstable'}, chi_1 = {_number(float(chi_1(phi, q, weight_variance)))})"
        for q, stable in found
    ]
    preserves_one = abs(float(length_map(phi, 1.0, weight_variance, bias_variance)) - 1) < 1e-9
    if preserves_one and not any(abs(point.q - 1) < 1e-6 for point in found):
        points = [f"every length (chi_1 = {_number(float(chi_1(phi, 1.0, weight_variance)))})"]
    facts["fixed points q*"] = "; ".join(points) or "none"
    try:
        edge = _number(edge_of_chaos(phi, bias_variance))
    except ValueError:
        edge = "none"
    facts["edge of chaos, sigma_w^2"] = f"{edge} for this sigma_b^2"
    facts["variance-matched sigma_w^2"] = _number(matched_weight_variance(phi))
    return facts


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
