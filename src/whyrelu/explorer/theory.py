"""results/explorer/: what mean-field theory predicts at every place that the page can show, and the functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.config.grid import compose_grid
from whyrelu.errors import UserError
from whyrelu.explorer.columns import FUNCTION_COLUMNS, THEORY_COLUMNS
from whyrelu.network.quadrature import evaluate
from whyrelu.results.files import write_table
from whyrelu.runs.plan import prepare_data
from whyrelu.theory.configured import Theory

# Two gains per octave; every other one is a gain of the study trainability.
GAINS = [float(f"{2 ** (step / 2):.4g}") for step in range(-4, 19)]
_GRID = [
    "study=explorer",
    "data=digits",
    "activation=relu,leaky_relu,gelu,silu,relu_squared,tanh,sigmoid",
    "depth=2,4,8,12,16,24",
]
_PLACES = (
    ["init=gain", f"init.gain={','.join(map(str, GAINS))}"],
    ["init=pytorch,xavier,he,variance,edge"],
    # batch normalisation takes the size of the weights out
    ["init=he", "norm=batch"],
)
# Of preactivations, where functions are drawn.
_X = np.linspace(-8, 8, 161)


def write_theory(folder: Path) -> None:
    """Write both tables; a minute of one processor."""
    configs = [run.config for place in _PLACES for run in compose_grid([*_GRID, *place])]
    prepare_data(configs)
    theory = Theory()
    rows = [found for config in configs if (found := predicted(config, theory)) is not None]
    first = {config["activation"]["name"]: config for config in configs}
    write_table(pd.concat(rows), folder / "theory.parquet")
    write_table(pd.concat([drawn(config, theory) for config in first.values()]), folder / "functions.parquet")


def predicted(config: Mapping[str, Any], theory: Theory) -> pd.DataFrame | None:
    """THEORY_COLUMNS of one configuration; None for the edge of an activation that has none."""
    try:
        planned = theory.planned(config)
    except UserError:
        return None
    assert planned is not None, "these networks are the project's own"
    prediction = theory.of(config)
    rows = pd.DataFrame(
        {
            "layer": np.arange(1, config["depth"] + 1),
            "log_q": np.log10(prediction.q),
            "log_gradient": np.log10(prediction.gradient_relative),
        }
    )
    names = {key: config[key]["name"] for key in ("activation", "norm", "init")}
    rows = rows.assign(**names, depth=config["depth"], gain=float(f"{planned[0][-1].weight_variance:.6g}"))
    return rows[list(THEORY_COLUMNS)].astype(THEORY_COLUMNS)


def drawn(config: Mapping[str, Any], theory: Theory) -> pd.DataFrame:
    """FUNCTION_COLUMNS of the activation of a configuration."""
    phi = theory.moments(config).phi
    values, slopes = (evaluate(function, _X) for function in (phi.value, phi.slope))
    rows = pd.DataFrame({"activation": config["activation"]["name"], "x": _X, "value": values, "slope": slopes})
    return rows.astype(FUNCTION_COLUMNS)
