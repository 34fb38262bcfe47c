"""What might have been measured inside runs that never took place, and what theory might have said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.claims.declaration import read_claims
from whyrelu.claims.study import decide_study
from whyrelu.results.aggregation import aggregate
from whyrelu.results.columns import ACTIVE_COLUMNS, FUNCTION_COLUMNS, LAYER_COLUMNS, THEORY_COLUMNS
from whyrelu.results.files import write_table
from whyrelu.results.inside import InsideBuilder
from whyrelu.results.labels import series_labels
from whyrelu.results.tables import planned_cells

# What is measured of every layer; whyrelu.diagnostics, which takes long to import, has its own order.
COLUMNS = tuple(name for name in LAYER_COLUMNS if name not in ("run_id", "epoch", "layer", "exact"))

# chi_1 and what two images have in common less from layer to layer; any other activation is as tanh.
CHI = {"relu": 1.0, "leaky_relu": 1.0, "tanh": 0.9, "sigmoid": 0.15, "centred_sigmoid": 0.9}
SLOPE_SQUARE = {"relu": 0.5, "leaky_relu": 0.51, "tanh": 0.6, "sigmoid": 0.045, "centred_sigmoid": 0.05}
SATURATED = {"relu": 0.5, "leaky_relu": 0.5, "tanh": 0.02, "sigmoid": 0.001, "centred_sigmoid": 0.001}

Formula = Callable[[np.ndarray], np.ndarray]
FORMULAS: dict[str, tuple[Formula, Formula]] = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (2 + np.exp(x) + np.exp(-x))),
}
# where the slope is above 5% of its maximum
ACTIVE = {"relu": (0.0, np.inf), "leaky_relu": (0.0, np.inf), "sigmoid": (-4.357, 4.357)}


def write_tables(
    records: Sequence[dict[str, Any]],
    directory: Path,
    level: str = "full",
    overrides: Sequence[str] = (),
    change: Callable[[dict[str, Any], np.ndarray], np.ndarray] | None = None,
    decided: bool = False,
) -> None:
    """Write all tables of a study, as src/theory.py and src/aggregate.py do.

    Args:
        records: as `synthetic.make_records` makes them.
        directory: results/<study>.
        level: "full", "summary" or "off", as in conf/diagnostics.
        overrides: of the sweep.
        change: what to make of the layers (epochs, layers, COLUMNS) of a record.
        decided: whether the claims are decided, which takes seconds; if not, there are none.
    """
    factors = [record["factors"] for record in records]
    write_table(theory_table(factors), directory / "theory.parquet")
    write_table(functions_table(factors), directory / "functions.parquet")
    runs = [inspected(record, level, change) for record in records]
    claims = read_claims() if decided else []
    layers = {record["run_id"]: found for record, found in runs}
    aggregate(
        (record for record, _ in runs),
        lambda record: layers[record["run_id"]],
        list(overrides),
        directory,
        lambda data: (0.5, 0.8, 0.9),
    )
    decide_study(claims, directory)


def layers_table(
    runs: pd.DataFrame, inspected_runs: Sequence[tuple[dict[str, Any], np.ndarray | None]]
) -> pd.DataFrame:
    """layers.parquet of some runs, as `inspected` gives them."""
    builder, layers = InsideBuilder(), {}
    for record, found in inspected_runs:
        builder.add(record)
        layers[record["run_id"]] = found
    return pd.concat(builder.batches(runs, lambda record: layers[record["run_id"]]), ignore_index=True)


def inspected(
    record: dict[str, Any],
    level: str = "full",
    change: Callable[[dict[str, Any], np.ndarray], np.ndarray] | None = None,
) -> tuple[dict[str, Any], np.ndarray | None]:
    """A record with diagnostics, and the numbers of its layers; nothing is added if the level is "off"."""
    if level == "off":
        return {**record, "diagnostics": None}, None
    factors = record["factors"]
    last = len(record["history"]["epoch"])
    epochs = list(range(last + 1)) if level == "full" else [0, factors["epochs"]][: 1 + (last == factors["epochs"])]
    layers = _layers(record, epochs, level)
    if change:
        layers = change(record, layers)
    rng = np.random.default_rng(int(record["run_id"], 16))
    moments = [epoch for epoch in (0, factors["epochs"] // 2, factors["epochs"]) if epoch in epochs]
    names = ("jacobian_mean_square", "jacobian_largest_square", "hessian_largest")
    spectra = {str(epoch): dict(zip(names, rng.lognormal(epoch / 2, 0.3, 3), strict=True)) for epoch in moments}
    said = {
        "epochs": epochs,
        "columns": list(COLUMNS),
        "exact": factors["norm"] == "none",
        "spectra": spectra if level == "full" else {},
    }
    return {**record, "diagnostics": said, "metrics": record["metrics"] | _summary(layers)}, layers


def theory_table(factors: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """theory.parquet."""
    cells = planned_cells(factors).drop(columns="run")
    parts = []
    for i, cell in cells.iterrows():
        depth, chi = cell["depth"], _chi(cell["activation"], cell["norm"])
        layer = np.arange(1, depth + 1)
        missing_last = np.where(layer < depth, 1.0, np.nan)
        rate = np.log(chi) if depth > 1 else np.nan
        numbers = {
            "layer": layer,
            "q": 1.0,
            "chi": chi * missing_last,
            "gradient_ratio": np.sqrt(chi) * missing_last,
            "gradient_relative": chi ** ((depth - layer) / 2),
            "collapse": min(chi, 1) ** ((layer - 1) / 2) if cell["norm"] == "none" else np.nan,
            "xi": -1 / rate if rate else np.inf,
            "roundoff_depth": 32 / abs(rate) if rate else np.inf,
        }
        named = cells.iloc[[i] * depth].reset_index(drop=True)
        numbers = pd.DataFrame({name: np.broadcast_to(value, depth) for name, value in numbers.items()})
        parts.append(pd.concat([named, numbers[list(THEORY_COLUMNS)].astype(THEORY_COLUMNS)], axis=1))
    return pd.concat(parts, ignore_index=True)


def functions_table(factors: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """functions.parquet."""
    x = np.round(np.arange(-6, 6.01, 0.05), 2)
    parts = []
    for name in series_labels(planned_cells(factors)).unique():
        value, slope = FORMULAS.get(name, (np.tanh, lambda x: 1 / np.cosh(x) ** 2))
        slopes = slope(x)
        saturated = np.abs(slopes) <= 0.05 * np.abs(slopes).max()
        data = {"activation": name, "x": x, "value": value(x), "slope": slopes, "saturated": saturated}
        low, high = ACTIVE.get(name, (-2.2, 2.2))
        data |= {"active_low": low, "active_high": high, "active_width": high - low}
        parts.append(pd.DataFrame(data).astype(FUNCTION_COLUMNS | ACTIVE_COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _chi(activation: str, norm: str) -> float:
    return {"relu": 1.47}.get(activation, 1.1) if norm == "batch" else CHI.get(activation, 0.9)


def _layers(record: dict[str, Any], epochs: list[int], level: str) -> np.ndarray:
    factors = record["factors"]
    rng = np.random.default_rng(int(record["run_id"], 16) + 1)
    name, depth, norm = factors["activation"], factors["depth"], factors["norm"]
    shape = (len(epochs), depth)
    passed = np.array(epochs)[:, None] / factors["epochs"]
    layer = np.arange(1, depth + 1)
    learned = record["status"] == "completed" and not record["at_chance"]
    chi = _chi(name, norm)
    # one random walk per run: what one layer loses, all those before it lose too
    noise = np.cumsum(0.08 * rng.standard_normal(shape), axis=1)[:, ::-1]
    gradient = 0.1 * chi ** ((depth - layer) / 2 * (1 - 0.5 * passed * learned)) * np.exp(noise)
    collapse = np.maximum(min(chi, 1) ** ((layer - 1) / 2 * (1 - 0.8 * passed * learned)), 2e-7)
    dead = np.clip(("relu" in name) * (0.03 + 0.05 * passed) + 0.02 * rng.standard_normal(shape), 0, 1)
    moved = rng.uniform(0, 0.02, shape) * (dead > 0)
    squashed = np.clip(SATURATED.get(name, 0.02) * (1 + passed) + 0.01 * rng.standard_normal(shape), 0, 1)
    found = {
        "gradient": gradient,
        "weight_gradient": gradient * 3,
        "update": np.where(passed > 0, 0.01 * np.exp(noise), np.nan),
        "saturated": squashed,
        "desaturated": np.where((passed > 0) & (level == "full"), 0.1 + 0.0 * noise, np.nan),
        "slope_square": SLOPE_SQUARE.get(name, 0.6) * (1 - 0.3 * passed) * np.exp(0.05 * rng.standard_normal(shape)),
        "dead": dead,
        "died": np.where((passed > 0) & (level == "full"), moved, np.nan),
        "revived": np.where((passed > 0) & (level == "full"), moved / 2, np.nan),
        "collapse": collapse * np.exp(0.1 * noise),
        "mean_shift": 0.3 * np.ones(shape),
        "q": np.exp(noise),
        "effective_rank": np.where(np.isin(passed, (0, 1)) & (level == "full"), 20 + 5 * passed + 0 * noise, np.nan),
    }
    layers = np.stack([found[column] for column in COLUMNS], axis=2)
    if record["status"] == "diverged":
        layers[-1] = np.nan
    return layers


def _summary(layers: np.ndarray) -> dict[str, float | None]:
    """As `whyrelu.diagnostics.summary.summary`, with None for what a JSON file cannot hold."""
    found: dict[str, float] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for moment, rows in (("init", layers[0]), ("end", layers[-1])):
            first, last = (dict(zip(COLUMNS, rows[i], strict=True)) for i in (0, -1))
            found[f"gradient_decades_{moment}"] = float(np.log10(last["gradient"] / first["gradient"]))
            found[f"collapse_{moment}"] = last["collapse"]
            for name in ("saturated", "dead"):
                found[f"{name}_{moment}"] = rows[:, COLUMNS.index(name)].mean()
    found["gradient_slope_init"] = float("nan")
    return {name: float(value) if np.isfinite(value) else None for name, value in found.items()}
