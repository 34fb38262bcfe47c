"""Cells of a study, all runs that differ in the seed only: summarised, as learning curves, and layer by layer."""

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from whyrelu.errors import UserError
from whyrelu.results.columns import ARITHMETIC, CELL_COLUMNS, CURVE_COLUMNS, GEOMETRIC, PROFILE_COLUMNS
from whyrelu.results.labels import cell_factors, label, varying
from whyrelu.statistics.intervals import mean_interval, median_interval, share_interval

_PREDICTED = {"q": "predicted_q", "gradient_relative": "predicted_gradient_relative", "collapse": "predicted_collapse"}


def cells_table(runs: pd.DataFrame, theory: pd.DataFrame | None = None) -> pd.DataFrame:
    """cells.parquet: a row per cell in the order of the runs; without a theory it has no decades."""
    factors = cell_factors(runs)
    names = cell_names(runs)
    rows = [
        {**dict(zip(factors, key, strict=True)), "name": names[group.index[0]], **_summary(group)}
        for key, group in runs.groupby(factors, sort=False, dropna=False)
    ]
    table = pd.DataFrame(rows).astype(runs[factors].dtypes.to_dict())
    if theory is not None:
        decades = theory.drop_duplicates(factors)[[*factors, "decades"]]
        table = table.merge(decades, on=factors, how="left")
    return table.reindex(columns=[*factors, *CELL_COLUMNS]).astype(CELL_COLUMNS)


def cell_names(runs: pd.DataFrame) -> pd.Series:
    """The cell of every run in words: what varies in the study, or activation and depth in a study of one cell."""
    columns = varying(runs) or ["activation", "depth"]
    rows = runs[columns].to_dict("records")
    return pd.Series([label(row, columns) or "plain" for row in rows], index=runs.index, dtype="str")


def _summary(runs: pd.DataFrame) -> dict[str, Any]:
    accuracy, learned = runs["test_accuracy"], runs["outcome"] == "learned"
    mean, median = mean_interval(accuracy, bounds=(0, 1)), median_interval(accuracy)
    share = share_interval(int(learned.sum()), len(runs))
    return {
        "n": len(runs),
        **{outcome: int((runs["outcome"] == outcome).sum()) for outcome in ("learned", "slow", "chance", "diverged")},
        **dict(zip(("share", "share_low", "share_high"), share, strict=True)),
        **dict(zip(("mean", "low", "high"), mean, strict=True)),
        "sd": accuracy.std(),
        **dict(zip(("median", "median_low", "median_high"), median, strict=True)),
        "learners_median": accuracy[learned].median() if learned.any() else math.nan,
        "saturated_init": runs["saturated_init"].mean(),
    }


def curves_table(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """curves.csv: mean validation accuracy per cell and epoch, with Student's interval cut to [0, 1].

    A run that ended early carries its last value on, so that every epoch is a mean over all runs of the cell.
    """
    wide = history.pivot(index="run_id", columns="epoch", values="val_accuracy")
    wide = wide.reindex(index=runs["run_id"], columns=range(int(runs["epochs"].max()) + 1)).reset_index(drop=True)
    # for a run without any history
    wide[0] = runs["val_accuracy"].fillna(0)
    wide = wide.ffill(axis=1).drop(columns=0)
    keys = pd.DataFrame({"cell": cell_names(runs), **runs[["activation", "depth", "epochs"]]})
    table = keys.join(wide).melt([*keys.columns], var_name="epoch")
    table = table[table["epoch"] <= table["epochs"]]
    groups = table.groupby(["cell", "activation", "depth", "epoch"], sort=False)["value"]
    curves = groups.agg(n="size", val_accuracy="mean", error="sem").reset_index()
    half = curves["error"] * stats.t.ppf(0.975, curves["n"].where(curves["n"] > 1) - 1)
    curves["low"], curves["high"] = ((curves["val_accuracy"] + side * half).clip(0, 1) for side in (-1, 1))
    order = pd.Series(pd.factorize(curves["cell"])[0])
    curves = curves.iloc[np.lexsort([curves["epoch"].astype("int64"), order])]
    return curves[["cell", "activation", "depth", *CURVE_COLUMNS]].reset_index(drop=True)


def profiles_table(runs: pd.DataFrame, layers: pd.DataFrame, theory: pd.DataFrame) -> pd.DataFrame:
    """profiles.parquet: what the runs of each cell have in common, epoch by epoch and layer by layer.

    Cells are in the order of the runs. Epoch 0 has the prediction; one that is of other cells is a UserError.
    """
    factors = cell_factors(runs)
    cells = runs[factors].drop_duplicates(ignore_index=True)
    if not set(factors) <= set(theory.columns) or len(theory[factors].drop_duplicates().merge(cells)) < len(cells):
        raise UserError("theory.parquet is of other cells than the runs: python src/theory.py -m ... writes it")
    cells = cells.assign(cell=range(len(cells)))
    table = layers.merge(runs[["run_id", *factors]].merge(cells, on=factors)[["run_id", "cell"]], on="run_id")
    # layers ascend
    last = table.groupby(["run_id", "epoch"])["gradient"].transform("last", skipna=False)
    table["gradient_relative"] = table["gradient"] / last
    logarithmic = [*GEOMETRIC, "gradient_relative"]
    with np.errstate(divide="ignore", invalid="ignore"):
        # a gradient that underflowed to zero has the logarithm -inf, and makes the geometric mean zero
        table[logarithmic] = np.log(table[logarithmic])
        groups = table.groupby(["cell", "epoch", "layer"])
        profiles = groups[[*logarithmic, *ARITHMETIC]].mean()
        profiles[logarithmic] = np.exp(profiles[logarithmic])
    profiles = profiles.assign(
        n=groups["gradient"].count(),
        exact=groups["exact"].all(),
        gradient_relative_low=np.exp(groups["gradient_relative"].min()),
        gradient_relative_high=np.exp(groups["gradient_relative"].max()),
    ).reset_index()
    predicted = theory.merge(cells, on=factors).rename(columns=_PREDICTED).assign(epoch=0)
    profiles = profiles.merge(
        predicted[["cell", "epoch", "layer", *_PREDICTED.values()]], on=["cell", "epoch", "layer"], how="left"
    )
    return profiles.merge(cells, on="cell")[[*factors, *PROFILE_COLUMNS]].astype(PROFILE_COLUMNS)
