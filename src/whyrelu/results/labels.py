"""The cells of a study in words, and which factors tell them apart."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.results.columns import MEASURED

# How the learning rate was given, "tuned" or the number, in a study that compares the two.
LR_GIVEN = "lr_given"

# Settings whose value says what is set.
_NAMES = ("data", "activation", "model", "init", "norm", "optimizer", "precision", "schedule")
# What goes without saying.
_PLAIN = {"norm": "none", "model": "cnn"}


def cell_factors(table: pd.DataFrame) -> list[str]:
    """The columns of a table that are factors, seed aside, in their order."""
    return [name for name in table.columns if name not in MEASURED]


def varying(table: pd.DataFrame) -> list[str]:
    """The factors, seed aside, with more than one value.

    The learning rate is none of them where the others tell all cells apart, as tuned rates go with the cell.
    """
    names = [name for name in cell_factors(table) if table[name].nunique(dropna=False) > 1]
    others = [name for name in names if name != "lr"]
    is_implied = bool(others) and len(table[others].drop_duplicates()) == len(table[names].drop_duplicates())
    return others if is_implied else names


def label(row: Mapping[Hashable, Any] | pd.Series, columns: Iterable[str]) -> str:
    """The values of some factors in words, such as "sigmoid, edge, depth 8, 60 epochs"; what is plain is left out."""
    names = [name for name in columns if name in row]
    groups = [name.partition(".")[0] for name in names]
    # what an activation is given stands behind it
    places = [names.index(group if group in names else name) for name, group in zip(names, groups, strict=True)]
    ordered = [name for _, name in sorted(zip(places, names, strict=True), key=lambda pair: pair[0])]
    return ", ".join(filter(None, (_words(name, row[name]) for name in ordered if _PLAIN.get(name) != row[name])))


def value_text(value: Any) -> str:
    """A factor's value as a person types it."""
    if pd.isna(value):
        return "null"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _words(name: str, value: Any) -> str:
    if pd.isna(value):
        return ""
    if name in _NAMES:
        return str(value)
    if name == "epochs":
        return f"{value} epochs"
    return f"{'lr' if name == LR_GIVEN else name.rpartition('.')[2]} {value_text(value)}"
