"""Gradients and updates over the depth."""

import numpy as np
import pandas as pd

from whyrelu.claims.selection import Row, Where, effect, plain, settings, with_setting
from whyrelu.results.labels import cell_factors
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import Estimate, mean_interval


def factor_per_layer(study: Study, where: Where) -> list[Row]:
    """Factor by which a layer passes the gradient back at initialisation, by a line through its logarithms.

    Expected is that of theory. Beside it stands how well the line fits.
    """
    runs = plain(study.runs, where).dropna(subset="gradient_decades_init")
    runs = runs[runs["depth"] > 1]
    # where gradients are exactly 0 there is no line, but the decades between the ends
    slope = runs["gradient_slope_init"].fillna(-runs["gradient_decades_init"] * np.log(10) / (runs["depth"] - 1))
    rows = []
    for place, own in settings(runs):
        # layers count from the input, and the gradient comes from the other end
        factor = Estimate(*np.exp(mean_interval(-slope[own.index])).tolist())
        expected = {"expected": _predicted(study, own)}
        rows.append(effect(place, "gradient passed back per layer", "ratio", factor, len(own), **expected))
        fit = _determination(study.layers[study.layers["run_id"].isin(own["run_id"])])
        if len(fit):
            r_squared = mean_interval(fit, bounds=(0, 1))
            rows.append(effect(place, "R^2 of the line", "", r_squared, len(fit), beside=True))
    return rows


def _predicted(study: Study, runs: pd.DataFrame) -> float:
    """The same factor of the gradients that theory predicts for the cell of some runs; nan without any."""
    on = [name for name in cell_factors(runs) if name in study.theory and name != "lr"]
    cell = runs[on].drop_duplicates().merge(study.theory, on=on).sort_values("layer")
    # one rate of the cell is like another
    cell = cell.drop_duplicates("layer")
    gradient = cell["gradient_relative"].to_numpy(dtype=float)
    if len(gradient) < 2 or not np.all(np.isfinite(gradient) & (gradient > 0)):
        return float("nan")
    return float(np.exp(-np.polyfit(cell["layer"], np.log(gradient), 1)[0]))


def _determination(layers: pd.DataFrame) -> list[float]:
    """R^2 of a line through ln gradient over the layers at initialisation, of each run with three and more layers."""
    found = []
    for _, own in layers[layers["epoch"] == 0].groupby("run_id"):
        gradient = own["gradient"].to_numpy(dtype=float)
        if len(gradient) > 2 and np.all(np.isfinite(gradient) & (gradient > 0)) and np.ptp(gradient) > 0:
            found.append(float(np.corrcoef(own["layer"], np.log(gradient))[0, 1] ** 2))
    return found


def update_with_depth(study: Study, where: Where) -> list[Row]:
    """Slope over the depth of log10(relative update of the first layer / learning rate), a line for each seed."""
    runs = plain(study.runs, where)
    runs = runs[runs["update_first"] > 0]
    size = np.log10(runs["update_first"] / runs["lr"])
    rows = []
    for place, own in settings(runs, by_depth=False):
        slopes = [
            np.polyfit(seed["depth"], size[seed.index], 1)[0]
            for _, seed in own.groupby("seed")
            if seed["depth"].nunique() > 1
        ]
        if slopes:
            depths = f"depth {own['depth'].min()} to {own['depth'].max()}"
            quantity = "update per rate, decades per layer"
            rows.append(effect(with_setting(place, depths), quantity, "", mean_interval(slopes), len(slopes)))
    return rows
