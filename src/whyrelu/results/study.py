"""The tables of a study in results/<study>/, each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results import columns
from whyrelu.results.files import read_table


class Study:
    """A study by its folder, results/<study>; a table that is missing or damaged is a UserError.

    Tuning, rates and timing are empty where there are none: a study can have been given its learning rates.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    # one row per run; per run and epoch; per run, epoch looked at, and layer
    runs = cached_property(lambda self: self._read("runs", columns.RUN_COLUMNS))
    history = cached_property(lambda self: self._read("history", columns.HISTORY_COLUMNS))
    layers = cached_property(lambda self: self._read("layers", columns.LAYER_COLUMNS))
    # one row per cell; per cell, epoch and layer, measured and predicted; per cell and layer, predicted
    cells = cached_property(lambda self: self._read("cells", columns.CELL_COLUMNS))
    profiles = cached_property(lambda self: self._read("profiles", columns.PROFILE_COLUMNS))
    theory = cached_property(lambda self: self._read("theory", columns.THEORY_COLUMNS, "theory.py -m"))

    @cached_property
    def tuning(self) -> pd.DataFrame:
        """One row per tuning run."""
        wanted = columns.RUN_COLUMNS | columns.TUNING_COLUMNS
        is_there = (self.folder / "tuning.parquet").is_file()
        return self._read("tuning", wanted, "tune.py -m") if is_there else _nothing(wanted)

    @cached_property
    def rates(self) -> pd.DataFrame:
        """lr.csv: one row per cell that was tuned."""
        path, wanted = self.folder / "lr.csv", {"cell": "str", **columns.LR_COLUMNS}
        if not path.is_file():
            return _nothing(wanted)
        try:
            return pd.read_csv(path, dtype={"cell": "str", "flag": "str"}).fillna({"flag": ""}).astype(wanted)
        except (ValueError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}): {self._command('tune.py -m')} writes it again") from None

    @cached_property
    def timing(self) -> Any:
        """timing.json, an object."""
        path = self.folder / "timing.json"
        return read_json(path, self._command("timing.py")) if path.is_file() else {}

    @cached_property
    def hours(self) -> Any:
        """hours.json, an object: what runs and tuning took, in hours of one processor or of the device."""
        path = self.folder / "hours.json"
        return read_json(path, self._command("aggregate.py")) if path.is_file() else {}

    @cached_property
    def provenance(self) -> Any:
        """provenance.json, an object: what all runs have in common, and the machine."""
        return read_json(self.folder / "provenance.json", self._command("aggregate.py"))

    def sibling(self, name: str) -> Study | None:
        """Another study of the same results/, if it is there."""
        folder = self.folder.parent / name
        return Study(folder) if (folder / "runs.parquet").is_file() else None

    def _read(self, table: str, wanted: Mapping[str, str], script: str = "aggregate.py") -> pd.DataFrame:
        return read_table(self.folder / f"{table}.parquet", wanted, self._command(script))

    def _command(self, script: str) -> str:
        return f"python src/{script} with the settings of study {self.name}"


def _nothing(wanted: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(wanted)).astype(wanted)
