"""Tables that look inside the networks: layers, spectra, and profiles, where measurement meets prediction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whyrelu.errors import UserError
from whyrelu.results.columns import ARITHMETIC, GEOMETRIC, LAYER_COLUMNS, PROFILE_COLUMNS, SPECTRA_COLUMNS
from whyrelu.results.tables import factor_columns

_KEYS = ["epoch", "layer"]
_PREDICTED = {"q": "predicted_q", "gradient_relative": "predicted_gradient_relative", "collapse": "predicted_collapse"}


# Rows that are in memory at once, if a cell has no more.
_BATCH_ROWS = 1 << 18

# Gives the diagnostics of a record, (epochs, layers, columns) as the record names them.
LoadLayers = Callable[[Mapping[str, Any]], NDArray[np.float64] | None]


class InsideBuilder:
    """Collects what records say of their diagnostics; the numbers of layers, which are many, are read afterwards."""

    def __init__(self) -> None:
        """Begin with no runs."""
        self._said: dict[str, Mapping[str, Any]] = {}
        self._spectra: dict[str, list[Any]] = {name: [] for name in SPECTRA_COLUMNS}

    def add(self, record: Mapping[str, Any]) -> None:
        """Add one finished run, the content of its run.json."""
        said = record.get("diagnostics")
        if said is None:
            return
        run_id = record["run_id"]
        for epoch, found in said["spectra"].items():
            values = {"run_id": run_id, "epoch": int(epoch), **found, "exact": said["exact"]}
            for name, column in self._spectra.items():
                column.append(values.get(name))
        # what many runs have in common is held once
        self._said[run_id] = {
            **said,
            "epochs": _interned(tuple(said["epochs"])),
            "columns": _interned(tuple(said["columns"])),
            "spectra": None,
        }

    def batches(self, runs: pd.DataFrame, load: LoadLayers) -> Iterator[pd.DataFrame]:
        """Rows of layers.parquet, in the order of the runs; runs of one cell are in one batch. At least one batch.

        Args:
            runs: runs.parquet.
            load: reads the numbers of a run, given its `run_id` and `diagnostics`.

        Raises:
            DataError: the numbers of a run are damaged.
        """
        blocks: list[_Block] = []
        rows, previous, is_empty = 0, -1, True
        said_of = [self._said.get(run_id) for run_id in runs["run_id"]]
        wanted = ({"run_id": i, "diagnostics": said} for i, said in zip(runs["run_id"], said_of, strict=True) if said)
        found = map(load, wanted)
        for run_id, said, cell in zip(runs["run_id"], said_of, cell_numbers(runs), strict=True):
            if cell != previous and rows >= _BATCH_ROWS:
                yield _batch(blocks)
                blocks, rows, is_empty = [], 0, False
            previous = cell
            if said:
                layers = next(found)
                assert layers is not None
                blocks.append(_Block(run_id, said, layers))
                rows += layers.shape[0] * layers.shape[1]
        if blocks or is_empty:
            yield _batch(blocks)

    def spectra(self, runs: pd.DataFrame) -> pd.DataFrame:
        """spectra.parquet, in the order of the runs, epochs ascending."""
        order = pd.Series(range(len(runs)), index=runs["run_id"])
        table = pd.DataFrame(
            {name: pd.Series(self._spectra[name], dtype=kind) for name, kind in SPECTRA_COLUMNS.items()}
        )
        table = table.assign(order=table["run_id"].map(order)).sort_values(["order", "epoch"])
        return table.drop(columns="order").reset_index(drop=True)


@cache
def _interned(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return values


class _Block(NamedTuple):
    """The layers of one run, (epochs, layers, columns), and what its record says of them."""

    run_id: str
    said: Mapping[str, Any]
    layers: NDArray[np.float64]


def _batch(blocks: Sequence[_Block]) -> pd.DataFrame:
    """Rows of some runs; those of one shape, whose records say the same, are put together at once."""
    parts = [_stack(list(stack)) for _, stack in itertools.groupby(blocks, key=_kind)]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=list(LAYER_COLUMNS)).astype(LAYER_COLUMNS)
    )


def _kind(block: _Block) -> tuple[Any, ...]:
    return block.layers.shape, block.said["epochs"], block.said["columns"], block.said["exact"]


def _stack(blocks: Sequence[_Block]) -> pd.DataFrame:
    said, (epochs, depth, _) = blocks[0].said, blocks[0].layers.shape
    runs, length = len(blocks), epochs * depth
    # (columns, rows)
    columns = np.stack([block.layers for block in blocks]).reshape(runs * length, -1).T
    values: dict[str, Any] = dict(zip(said["columns"], columns, strict=True))
    data: dict[str, Any] = {}
    for name, kind in LAYER_COLUMNS.items():
        if name == "run_id":
            ids = np.repeat(np.array([block.run_id for block in blocks], dtype=object), length)
            data[name] = pd.array(ids, dtype="str")
        elif name == "epoch":
            data[name] = np.tile(np.repeat(np.asarray(said["epochs"], dtype=np.int64), depth), runs)
        elif name == "layer":
            data[name] = np.tile(np.arange(1, depth + 1, dtype=np.int64), runs * epochs)
        elif name == "exact":
            data[name] = np.full(runs * length, said["exact"], dtype=bool)
        else:
            # missing where a record does not name it, and where it is not finite
            column = values.get(name, np.broadcast_to(np.nan, runs * length)).astype(kind)
            column[~np.isfinite(column)] = np.nan
            data[name] = column
    return pd.DataFrame(data)


def cell_numbers(runs: pd.DataFrame) -> NDArray[np.int64]:
    """The cell that each run belongs to, counted in the order of the runs. Shape (runs,)."""
    return runs.groupby(factor_columns(runs), sort=False, dropna=False).ngroup().to_numpy().astype(np.int64)


class ProfilesBuilder:
    """Collects what the runs of each cell have in common, epoch by epoch and layer by layer.

    Args:
        runs: runs.parquet.
        theory: theory.parquet of the same cells.

    Raises:
        UserError: the prediction is of other cells.
    """

    def __init__(self, runs: pd.DataFrame, theory: pd.DataFrame) -> None:
        factors = factor_columns(runs)
        self._cells = runs[factors].drop_duplicates().reset_index(drop=True)
        self._predictions = _with_predictions(self._cells, theory, factors)
        self._cell_of_run = pd.Series(cell_numbers(runs), index=runs["run_id"].to_numpy())
        self._parts: list[pd.DataFrame] = []

    def add(self, layers: pd.DataFrame) -> None:
        """Add rows of layers.parquet: all of some cells, which come after those that were added before."""
        self._parts.append(_statistics(layers, self._cell_of_run))

    def table(self) -> pd.DataFrame:
        """profiles.parquet, with the prediction for init: factors of the cell and `columns.PROFILE_COLUMNS`.

        Cells are in the order of the runs, epochs and layers ascending.
        """
        table = pd.concat(self._parts, ignore_index=True)
        table = table.merge(self._predictions, on=["cell", *_KEYS], how="left")
        named = self._cells.iloc[table["cell"]].reset_index(drop=True)
        return pd.concat([named, table[list(PROFILE_COLUMNS)].astype(PROFILE_COLUMNS)], axis=1)


def _statistics(layers: pd.DataFrame, cell_of_run: pd.Series) -> pd.DataFrame:
    """Means over the runs of each cell, by `cell`, `epoch` and `layer`."""
    codes, ids = pd.factorize(layers["run_id"])
    # the last layer of a run and epoch is followed by another run or epoch
    group = codes * (layers["epoch"].max() + 1 if len(layers) else 1) + layers["epoch"].to_numpy()
    ends = np.append(np.flatnonzero(np.diff(group)), len(group) - 1) if len(group) else np.empty(0, dtype=np.int64)
    lengths = np.diff(ends, prepend=-1)
    values: dict[str, Any] = {"cell": cell_of_run.reindex(ids).to_numpy()[codes]}
    values |= {name: layers[name].to_numpy() for name in (*_KEYS, "exact")}
    values |= {name: layers[name].to_numpy("float64") for name in (*GEOMETRIC, *ARITHMETIC)}
    with np.errstate(divide="ignore", invalid="ignore"):
        # a gradient that underflowed to zero has the logarithm -inf, and makes the geometric mean zero
        values |= {name: np.log(values[name]) for name in GEOMETRIC}
        values["gradient_relative"] = values["gradient"] - np.repeat(values["gradient"][ends], lengths)
        grouped = pd.DataFrame(values).groupby(["cell", *_KEYS], sort=True)
        table = grouped[[*GEOMETRIC, "gradient_relative", *ARITHMETIC]].mean()
        table["n"] = grouped["gradient"].count()
        table["exact"] = grouped["exact"].all()
        table["gradient_relative_low"] = grouped["gradient_relative"].min()
        table["gradient_relative_high"] = grouped["gradient_relative"].max()
        logarithmic = [*GEOMETRIC, *(name for name in table.columns if name.startswith("gradient_relative"))]
        table[logarithmic] = np.exp(table[logarithmic].to_numpy())
    return table.reset_index()


def _with_predictions(cells: pd.DataFrame, theory: pd.DataFrame, factors: list[str]) -> pd.DataFrame:
    """The predictions by number of the cell and layer, at epoch 0."""
    if set(factors) <= set(theory.columns):
        numbered = cells.assign(cell=range(len(cells)))
        found = theory.merge(numbered, on=factors).rename(columns=_PREDICTED).assign(epoch=0)
        if found["cell"].nunique() == len(cells) and not found.duplicated(["cell", *_KEYS]).any():
            return found[["cell", *_KEYS, *_PREDICTED.values()]]
    raise UserError("theory.parquet is of other cells than the runs: python src/theory.py -m ... writes it")
