"""The tables of a study in results/<study>/, each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.columns import (
    CELL_COLUMNS,
    HISTORY_COLUMNS,
    LAYER_COLUMNS,
    LR_COLUMNS,
    PROFILE_COLUMNS,
    RUN_COLUMNS,
    THEORY_COLUMNS,
    TUNING_COLUMNS,
)
from whyrelu.results.files import read_table


class Study:
    """A study by its folder, results/<study>; a table that is missing or damaged is a UserError.

    Tuning, rates and timing are empty where there are none: a study can have been given its learning rates.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run."""
        return self._read("runs", RUN_COLUMNS)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per run and epoch."""
        return self._read("history", HISTORY_COLUMNS)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row per run, epoch looked at, and layer."""
        return self._read("layers", LAYER_COLUMNS)

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """One row per cell, epoch looked at, and layer, measured and predicted."""
        return self._read("profiles", PROFILE_COLUMNS)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell."""
        return self._read("cells", CELL_COLUMNS)

    @cached_property
    def theory(self) -> pd.DataFrame:
        """One row per cell and layer."""
        return self._read("theory", THEORY_COLUMNS, "theory.py -m")

    @cached_property
    def tuning(self) -> pd.DataFrame:
        """One row per tuning run."""
        columns = RUN_COLUMNS | TUNING_COLUMNS
        if not (self.folder / "tuning.parquet").is_file():
            return pd.DataFrame(columns=list(columns)).astype(columns)
        return self._read("tuning", columns, "tune.py -m")

    @cached_property
    def rates(self) -> pd.DataFrame:
        """lr.csv: one row per cell that was tuned."""
        path = self.folder / "lr.csv"
        columns = {"cell": "str", **LR_COLUMNS}
        if not path.is_file():
            return pd.DataFrame(columns=list(columns)).astype(columns)
        try:
            table = pd.read_csv(path, dtype={"cell": "str", "flag": "str"}, keep_default_na=False, na_values=[""])
            return table.astype(columns).fillna({"flag": ""})
        except (ValueError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}): python src/tune.py -m writes it again") from None

    @cached_property
    def timing(self) -> Mapping[str, Any]:
        """timing.json."""
        path = self.folder / "timing.json"
        return self._object(path, "timing.py") if path.is_file() else {}

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """provenance.json: what all runs have in common, and the machine."""
        return self._object(self.folder / "provenance.json", "aggregate.py")

    def sibling(self, name: str) -> Study | None:
        """Another study of the same results/, if it is there."""
        folder = self.folder.parent / name
        return Study(folder) if (folder / "runs.parquet").is_file() else None

    def _read(self, table: str, columns: Mapping[str, str], script: str = "aggregate.py") -> pd.DataFrame:
        return read_table(self.folder / f"{table}.parquet", columns, self._command(script))

    def _object(self, path: Path, script: str) -> dict[str, Any]:
        found = read_json(path, self._command(script))
        if not isinstance(found, dict):
            raise UserError(f"{path} is damaged (no object): {self._command(script)} writes it again")
        return found

    def _command(self, script: str) -> str:
        return f"python src/{script} with the settings of study {self.name}"
