"""results/explorer/theory.parquet: what mean-field theory predicts at every place that the page can show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.config.grid import compose_grid
from whyrelu.errors import UserError
from whyrelu.results.files import write_table
from whyrelu.runs.plan import prepare_data
from whyrelu.theory.configured import Theory

# One row per layer.
COLUMNS = {
    **dict.fromkeys(("activation", "norm", "init"), "str"),
    # sigma_w^2 of the last layer
    "gain": "float64",
    **dict.fromkeys(("depth", "layer"), "int64"),
    # log10 of E[h^2], and of the gradient relative to the last layer's
    **dict.fromkeys(("log_q", "log_gradient"), "float32"),
}
# Two gains per octave; every other one is a gain of the study trainability.
GAINS = [float(f"{2 ** (step / 2):.4g}") for step in range(-4, 19)]
_GRID = [
    "study=explorer",
    "data=digits",
    "activation=relu,leaky_relu,gelu,silu,relu_squared,tanh,sigmoid",
    "depth=2,4,8,12,16,24,32",
]
_PLACES = (
    ["init=gain", f"init.gain={','.join(map(str, GAINS))}"],
    ["init=pytorch,xavier,he,variance,edge"],
    # batch normalisation takes the size of the weights out
    ["init=he", "norm=batch"],
)


def write_theory(path: Path) -> None:
    """Write the table; a minute of one processor."""
    configs = [run.config for place in _PLACES for run in compose_grid([*_GRID, *place])]
    prepare_data(configs)
    theory = Theory()
    rows = [found for config in configs if (found := predicted(config, theory)) is not None]
    write_table(pd.concat(rows), path)


def predicted(config: Mapping[str, Any], theory: Theory) -> pd.DataFrame | None:
    """COLUMNS of one configuration; None for the edge of an activation that has none."""
    try:
        planned = theory.planned(config)
    except UserError:
        return None
    assert planned is not None, "these networks are the project's own"
    prediction = theory.of(config)
    # nan and 0 are ratios too large and too small for a floating-point number
    with np.errstate(divide="ignore"):
        log_gradient = np.log10(np.nan_to_num(prediction.gradient_relative, nan=np.inf)).clip(-99, 99)
    layers = np.arange(1, config["depth"] + 1)
    rows = pd.DataFrame({"layer": layers, "log_q": np.log10(prediction.q), "log_gradient": log_gradient})
    names = {key: config[key]["name"] for key in ("activation", "norm", "init")}
    rows = rows.assign(**names, depth=config["depth"], gain=planned[0][-1].weight_variance)
    return rows[list(COLUMNS)].astype(COLUMNS)
