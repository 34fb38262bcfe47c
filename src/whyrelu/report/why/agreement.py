"""How far a prediction is from what was measured at init, in a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whyrelu.report.study import Facet
from whyrelu.report.text import plural
from whyrelu.report.why.words import short, where


def agreement_sentence(facet: Facet, measured: str, predicted: str, what: str, least: float = 0) -> str:
    """The median factor between measurement and prediction over all layers at init, and the largest one by name.

    The last layer is left out where the quantity is relative to it. Empty if there is nothing to compare.

    Args:
        facet: its profiles are used.
        measured: column of profiles.parquet.
        predicted: another.
        what: the quantity in words.
        least: predictions below are left out, because the precision cannot hold them.
    """
    rows = _compared(facet, measured, predicted)
    above = rows[rows[predicted] > least]
    usable = above[(above[measured] > 0)]
    if usable.empty:
        return ""
    logarithms = np.log(usable[measured].to_numpy() / usable[predicted].to_numpy())
    worst = usable.iloc[int(np.abs(logarithms).argmax())]
    median = float(np.exp(np.median(np.abs(logarithms))))
    cells = len(usable[["series", "depth"]].drop_duplicates())
    left = [
        f"{len(above) - len(usable)} more are exactly 0 in a run" if len(above) > len(usable) else "",
        f"{len(rows) - len(above)} more are predicted below float32 round-off" if len(rows) > len(above) else "",
    ]
    further = "".join(f"; {text}" for text in left if text)
    times = short(float(worst[measured] / worst[predicted]))
    return (
        f"{where(facet)}Theory against measurement of {what} at init: they differ by a median factor of {median:.2f} "
        f"over {plural(len(usable), 'layer')} of {plural(cells, 'cell')}{further}. The largest difference is "
        f"{worst['series']} at depth {worst['depth']}, layer {worst['layer']}: measured {times} times the prediction."
    )


def _compared(facet: Facet, measured: str, predicted: str) -> pd.DataFrame:
    rows = facet.profiles
    rows = rows[(rows["epoch"] == 0) & (rows["depth"] > 1)]
    if measured == "gradient_relative":
        rows = rows[rows["layer"] < rows["depth"]]
    usable: pd.Series = np.isfinite(rows[measured]) & np.isfinite(rows[predicted]) & (rows[predicted] > 0)
    compared: pd.DataFrame = rows[usable]
    return compared
