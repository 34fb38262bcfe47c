"""What a tuning says when it could not give all cells the same chance."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from whyrelu.results.budgets import unequal_budgets
from whyrelu.results.labels import series_labels

# More are counted instead of named.
_MOST_NAMES = 6


def unequal_sentences(tuning: pd.DataFrame, groups: Collection[str]) -> list[str]:
    """Which cells tried less than others they are compared with, and what would tune them alike.

    Args:
        tuning: rows of tuning.parquet.
        groups: to look at.
    """
    tuning = tuning[tuning["group"].isin(list(groups))]
    cells = tuning.drop_duplicates("cell")
    names = series_labels(cells) + " depth=" + cells["depth"].astype("str")
    named = dict(zip(cells["cell"], names, strict=True))
    unequal = unequal_budgets(tuning, ["group"])
    sentences = []
    for rates, found in unequal.untried.items():
        tried = ", ".join(f"{rate:g}" for rate in rates)
        sentences.append(f"not tried at {tried}, as others they are compared with were: {_listed(named, found)}")
    for (seeds, most), found in unequal.seeds.items():
        sentences.append(f"tuned with {seeds} seeds where others had {most}: {_listed(named, found)}")
    if sentences:
        every = ",".join(dict.fromkeys(tuning["activation"]))
        sentences.append(
            f"the same command with activation={every} tunes all alike, which may change the rates of those named"
        )
    return sentences


def _listed(named: Mapping[str, str], cells: Collection[str]) -> str:
    names = list(dict.fromkeys(named[cell] for cell in cells))
    further = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {further} more" if further > 0 else "")
