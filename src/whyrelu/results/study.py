"""The tables of a study in results/<study>/, each read when it is first asked for."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.files import read_json
from whyrelu.results import columns
from whyrelu.results.files import read_table


class Study:
    """A study by its folder, results/<study>; a table that is missing or damaged is a UserError.

    Tuning, rates, timing and hours are empty where there are none: a study can have been given its learning rates.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    # one row per run; per run and epoch; per run, epoch looked at, and layer
    runs = cached_property(lambda self: self._table("runs.parquet", columns.RUN_COLUMNS))
    history = cached_property(lambda self: self._table("history.parquet", columns.HISTORY_COLUMNS))
    layers = cached_property(lambda self: self._table("layers.parquet", columns.LAYER_COLUMNS))
    # one row per cell; per cell, epoch and layer, measured and predicted; per cell and layer, predicted
    cells = cached_property(lambda self: self._table("cells.parquet", columns.CELL_COLUMNS))
    profiles = cached_property(lambda self: self._table("profiles.parquet", columns.PROFILE_COLUMNS))
    theory = cached_property(lambda self: self._table("theory.parquet", columns.THEORY_COLUMNS, "theory.py -m"))
    # one row per setting of a part of a claim
    effects = cached_property(lambda self: self._table("effects.csv", columns.EFFECT_COLUMNS, "decide.py"))
    # one row per tuning run; per cell that was tuned
    tuning = cached_property(lambda self: self._tuned("tuning.parquet", columns.RUN_COLUMNS | columns.TUNING_COLUMNS))
    rates = cached_property(lambda self: self._tuned("lr.csv", {"cell": "str"} | columns.LR_COLUMNS))
    # objects: times of operations and steps; hours of one processor, or of the device; what all runs have in common
    timing = cached_property(lambda self: self._object("timing.json", "timing.py"))
    hours = cached_property(lambda self: self._object("hours.json"))
    provenance = cached_property(lambda self: read_json(self.folder / "provenance.json", self._command()))

    def sibling(self, name: str) -> "Study | None":
        """Another study of the same results/, if it is there."""
        folder = self.folder.parent / name
        return Study(folder) if (folder / "runs.parquet").is_file() else None

    def _table(self, name: str, wanted: Mapping[str, str], script: str = "aggregate.py") -> pd.DataFrame:
        return read_table(self.folder / name, wanted, self._command(script))

    def _tuned(self, name: str, wanted: Mapping[str, str]) -> pd.DataFrame:
        is_there = (self.folder / name).is_file()
        return self._table(name, wanted, "tune.py -m") if is_there else pd.DataFrame(columns=[*wanted]).astype(wanted)

    def _object(self, name: str, script: str = "aggregate.py") -> Any:
        return read_json(self.folder / name, self._command(script)) if (self.folder / name).is_file() else {}

    def _command(self, script: str = "aggregate.py") -> str:
        return f"python src/{script}{f' with the settings of study {self.name}' if script != 'decide.py' else ''}"
