"""Which of the tuning runs in tuning.parquet are of the cells of a study."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from whyrelu.results.labels import value_text
from whyrelu.results.tables import factor_columns


def tuning_of_study(tuning: pd.DataFrame, runs: pd.DataFrame, provenance: Mapping[str, Any]) -> pd.DataFrame:
    """The rows whose cells have runs in the study: tuning.parquet may have further ones that were added by hand.

    Args:
        tuning: tuning.parquet.
        runs: runs.parquet.
        provenance: provenance.json, for the settings that all runs share (`common`, `implied`).
    """
    names = [name for name in factor_columns(tuning) if name != "lr" and name.partition(".")[0] != "diagnostics"]
    cells = runs.drop_duplicates([name for name in factor_columns(runs) if name != "lr"])
    studied = {
        tuple(value_text(_setting(name, cell, provenance)) for name in names) for cell in cells.to_dict("records")
    }
    keys = [tuple(map(value_text, row)) for row in tuning[names].itertuples(index=False)]
    return tuning[pd.Series([key in studied for key in keys], index=tuning.index, dtype="bool")].reset_index(drop=True)


def _setting(name: str, cell: Mapping[Hashable, Any], provenance: Mapping[str, Any]) -> Any:
    """A setting of a cell, whether or not it varies over the study."""
    if name in cell:
        return cell[name]
    if name in provenance["common"]:
        return provenance["common"][name]
    owner = cell.get(name.partition(".")[0])
    return provenance["implied"].get(name, {}).get(str(owner))
