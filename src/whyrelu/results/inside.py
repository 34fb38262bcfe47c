"""Tables that look inside the networks: layers, spectra, and profiles, where measurement meets prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whyrelu.errors import UserError
from whyrelu.results.columns import ARITHMETIC, GEOMETRIC, LAYER_COLUMNS, PROFILE_COLUMNS, SPECTRA_COLUMNS
from whyrelu.results.tables import factor_columns

_KEYS = ["epoch", "layer"]
_PREDICTED = {"q": "predicted_q", "gradient_relative": "predicted_gradient_relative", "collapse": "predicted_collapse"}


class InsideBuilder:
    """Collects the diagnostics of runs one by one."""

    def __init__(self) -> None:
        """Begin with no runs."""
        self._layers: dict[str, pd.DataFrame] = {}
        self._spectra: list[dict[str, Any]] = []

    def add(self, record: Mapping[str, Any], layers: NDArray[np.float64] | None) -> None:
        """Add one finished run.

        Args:
            record: the content of its run.json.
            layers: (epochs, layers, columns) as the record names them; None if nothing was measured.
        """
        if layers is None:
            return
        said = record["diagnostics"]
        epochs, depth, _ = layers.shape
        data: dict[str, Any] = {
            "run_id": record["run_id"],
            "epoch": np.repeat(said["epochs"], depth),
            "layer": np.tile(np.arange(1, depth + 1), epochs),
            "exact": said["exact"],
        }
        data |= {name: layers[:, :, k].ravel() for k, name in enumerate(said["columns"])}
        table = _finite(pd.DataFrame(data).reindex(columns=list(LAYER_COLUMNS)).astype(LAYER_COLUMNS))
        self._layers[record["run_id"]] = table
        for epoch, found in said["spectra"].items():
            self._spectra.append({"run_id": record["run_id"], "epoch": int(epoch), **found, "exact": said["exact"]})

    def layers(self, runs: pd.DataFrame) -> pd.DataFrame:
        """layers.parquet, in the order of the runs."""
        parts = [self._layers[run_id] for run_id in runs["run_id"] if run_id in self._layers]
        return pd.concat(parts, ignore_index=True) if parts else _empty(LAYER_COLUMNS)

    def spectra(self, runs: pd.DataFrame) -> pd.DataFrame:
        """spectra.parquet, in the order of the runs, epochs ascending."""
        if not self._spectra:
            return _empty(SPECTRA_COLUMNS)
        order = pd.Series(range(len(runs)), index=runs["run_id"])
        table = pd.DataFrame(self._spectra).reindex(columns=list(SPECTRA_COLUMNS)).astype(SPECTRA_COLUMNS)
        table = table.assign(order=table["run_id"].map(order)).sort_values(["order", "epoch"])
        return table.drop(columns="order").reset_index(drop=True)


def profiles_table(runs: pd.DataFrame, layers: pd.DataFrame, theory: pd.DataFrame) -> pd.DataFrame:
    """What the runs of each cell have in common, epoch by epoch and layer by layer, beside the prediction for init.

    Args:
        runs: runs.parquet.
        layers: layers.parquet of the same runs.
        theory: theory.parquet of the same cells.

    Returns:
        the factors of the cell and `columns.PROFILE_COLUMNS`; cells in the order of the runs, epochs and layers
        ascending.

    Raises:
        UserError: the prediction is of other cells.
    """
    factors = factor_columns(runs)
    cells = runs[factors].drop_duplicates().reset_index(drop=True)
    keyed = _with_predictions(cells, theory, factors)
    cell_of_run = pd.Series(
        runs.groupby(factors, sort=False, dropna=False).ngroup().to_numpy(), index=runs["run_id"].to_numpy()
    )
    rows = layers.assign(cell=layers["run_id"].map(cell_of_run))
    last = rows.groupby(["run_id", "epoch"], sort=False)["layer"].transform("max")
    at_last = rows.loc[rows["layer"] == last, ["run_id", "epoch", "gradient"]]
    rows = rows.merge(at_last, on=["run_id", "epoch"], suffixes=("", "_last"))
    rows[[*GEOMETRIC, *ARITHMETIC]] = rows[[*GEOMETRIC, *ARITHMETIC]].astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        # a gradient that underflowed to zero has the logarithm -inf, and makes the geometric mean zero
        rows[list(GEOMETRIC)] = np.log(rows[list(GEOMETRIC)].to_numpy())
        rows["gradient_relative"] = rows["gradient"] - np.log(rows["gradient_last"].to_numpy("float64"))
        grouped = rows.groupby(["cell", *_KEYS], sort=True)
        table = grouped[[*GEOMETRIC, "gradient_relative", *ARITHMETIC]].mean()
        table["n"] = grouped["gradient"].count()
        table["exact"] = grouped["exact"].all()
        table["gradient_relative_low"] = grouped["gradient_relative"].min()
        table["gradient_relative_high"] = grouped["gradient_relative"].max()
        logarithmic = [*GEOMETRIC, *(name for name in table.columns if name.startswith("gradient_relative"))]
        table[logarithmic] = np.exp(table[logarithmic].to_numpy())
    table = table.reset_index()
    table = table.merge(keyed, on=["cell", *_KEYS], how="left")
    named = cells.iloc[table["cell"]].reset_index(drop=True)
    return pd.concat([named, table[list(PROFILE_COLUMNS)].astype(PROFILE_COLUMNS)], axis=1)


def _with_predictions(cells: pd.DataFrame, theory: pd.DataFrame, factors: list[str]) -> pd.DataFrame:
    """The predictions by number of the cell and layer, at epoch 0."""
    if set(factors) <= set(theory.columns):
        numbered = cells.assign(cell=range(len(cells)))
        found = theory.merge(numbered, on=factors).rename(columns=_PREDICTED).assign(epoch=0)
        if found["cell"].nunique() == len(cells) and not found.duplicated(["cell", *_KEYS]).any():
            return found[["cell", *_KEYS, *_PREDICTED.values()]]
    raise UserError("theory.parquet is of other cells than the runs: python src/theory.py -m ... writes it")


def _finite(table: pd.DataFrame) -> pd.DataFrame:
    """What is not finite is missing."""
    numbers = table.select_dtypes("float")
    return table.assign(**numbers.where(np.isfinite(numbers)))


def _empty(columns: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
