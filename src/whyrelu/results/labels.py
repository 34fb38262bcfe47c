"""Cells of a study in words, and which factors tell them apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.results.given_rates import GIVEN_LR
from whyrelu.results.tables import factor_columns

# The pair of activations that the project is about.
PAIR = ("relu", "sigmoid")


def series_labels(table: pd.DataFrame) -> pd.Series:
    """What is drawn as one line: the activation, with those of its own settings that are axes of the study.

    Args:
        table: runs, cells or curves of the whole study.

    Returns:
        shape (rows,), e.g. "relu" or "leaky_relu(negative_slope=0.1)".
    """
    labels = table["activation"].astype("str")
    own = [name for name in factor_columns(table) if name.startswith("activation.")]
    if not own:
        return labels
    settings = [
        ", ".join(
            f"{name.partition('.')[2]}={value_text(value)}"
            for name, value in zip(own, row, strict=True)
            if not pd.isna(value)
        )
        for row in table[own].itertuples(index=False)
    ]
    return pd.Series(
        [f"{label}({text})" if text else label for label, text in zip(labels, settings, strict=True)],
        index=table.index,
        dtype="str",
    )


def facet_columns(cells: pd.DataFrame) -> list[str]:
    """The factors, besides activation and depth, that it takes to tell all cells apart.

    A learning rate that goes with the optimizer, or was chosen for each cell, is none of them; whether it was chosen or
    given is one where a study compares the two (`whyrelu.results.given_rates`).
    """
    columns = [name for name in factor_columns(cells) if name != "depth" and not name.startswith("activation")]
    # the learning rate last: it is the one most often implied by others
    columns.sort(key=lambda name: name == "lr")
    key = pd.DataFrame({"series": series_labels(cells), "depth": cells["depth"]})
    facets: list[str] = []
    for name in columns:
        group = key.assign(**cells[facets])
        if len(group.assign(further=cells[name]).drop_duplicates()) > len(group.drop_duplicates()):
            facets.append(name)
    return facets


def facet_labels(table: pd.DataFrame, facets: list[str]) -> pd.Series:
    """The values of the facets in words, e.g. "norm=batch, lr=0.1"; empty text without facets. Shape (rows,)."""
    return pd.Series(
        [_facet_name(dict(zip(facets, row, strict=True))) for row in table[facets].itertuples(index=False)]
        if facets
        else [""] * len(table),
        index=table.index,
        dtype="str",
    )


def labelled(table: pd.DataFrame, facets: list[str]) -> pd.DataFrame:
    """A table with the columns `series` and `facet`; facets that are no columns of it are left out of the label."""
    present = [name for name in facets if name in table.columns]
    return table.assign(series=series_labels(table), facet=facet_labels(table, present))


def _facet_name(values: Mapping[str, Any]) -> str:
    """A setting that belongs to another one, such as adam's epsilon, is not named where that one has none."""
    return facet_name(values, [name for name, value in values.items() if "." not in name or not pd.isna(value)])


def facet_name(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """Some of the values of facets in words, as a person types them: lr=tuned for how the rate was given."""
    return ", ".join(
        f"{'lr' if name == GIVEN_LR else name}={value_text(values[name])}" for name in names if name in values
    )


def contrast_pair(series: list[str]) -> tuple[str, str] | None:
    """The two series to subtract: relu and sigmoid, else the first and sigmoid; None without a sigmoid."""
    if all(name in series for name in PAIR):
        return PAIR
    if PAIR[1] in series and series[0] != PAIR[1]:
        return series[0], PAIR[1]
    return None


def value_text(value: Hashable) -> str:
    """A factor's value as a person types it."""
    if pd.isna(value):  # type: ignore[call-overload]
        return "null"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def cell_name(factors: Mapping[str, Any], names: Sequence[str]) -> str:
    """The values of some factors in words, e.g. "depth=4, lr=0.1"; those that there are."""
    return ", ".join(f"{name}={value_text(factors[name])}" for name in names if name in factors)
