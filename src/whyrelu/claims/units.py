"""Units: saturated ones, channels that are flat on all images ("dead"), and what these go with."""

import numpy as np
import pandas as pd

from whyrelu.claims.selection import Budget, Row, Where, effect, learned, plain, settings, trained_through, within
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import Estimate, mean_interval, share_interval
from whyrelu.statistics.ranks import spearman


def saturated_at_init(
    study: Study, where: Where, min_depth: int = 1, max_depth: int | None = None, budget: Budget = "all"
) -> list[Row]:
    """Share of units that are saturated at initialisation, the mean over layers and runs."""
    runs = within(plain(study.runs, where, budget), min_depth, max_depth)
    return _means(runs, "saturated_init", "units saturated at initialisation")


def flat_units(study: Study, where: Where) -> list[Row]:
    """Saturated units at initialisation, dead channels at the end, and the gradient that theory predicts per layer."""
    rows = saturated_at_init(study, where, budget="smallest") + dead_channels(study, where)
    for place, cells in settings(plain(study.cells, where).dropna(subset="decades")):
        if place["depth"] > 1:
            factor = float(10 ** (cells["decades"].iloc[0] / (place["depth"] - 1)))
            quantity = "gradient passed back per layer, by theory"
            rows.append(effect(place, quantity, "ratio", factor, int(cells["n"].iloc[0])))
    return rows


def dead_channels(study: Study, where: Where) -> list[Row]:
    """Share of channels dead at the end; where none is, the interval is Wilson's, of all channels of all runs."""
    return _means(plain(study.runs, where), "dead_end", "channels dead at the end")


def _means(runs: pd.DataFrame, column: str, quantity: str) -> list[Row]:
    rows = []
    for place, own in settings(runs.dropna(subset=column)):
        share = mean_interval(own[column], bounds=(0, 1))
        if not own[column].any():
            # at least that many, as channels double where maps shrink
            share = share_interval(0, int((own["depth"] * own["width"]).sum()))
        rows.append(effect(place, quantity, "share", share, len(own)))
    return rows


def gradient_of_saturated_units(study: Study, where: Where) -> list[Row]:
    """Gradient of the saturated units relative to the others at initialisation, geometric mean over layers."""
    layers = study.layers
    found = layers[(layers["epoch"] == 0) & (layers["gradient_saturated"] > 0)]
    of_run = np.log(found.set_index("run_id")["gradient_saturated"]).groupby(level=0).mean()
    rows = []
    for place, own in settings(plain(study.runs, where)):
        logs = of_run.reindex(own["run_id"]).dropna()
        if len(logs):
            ratio = Estimate(*np.exp(mean_interval(logs)).tolist())
            rows.append(effect(place, "gradient of saturated units relative to others", "ratio", ratio, len(logs)))
    return rows


def runs_with_dead_channels(study: Study, where: Where) -> list[Row]:
    """Share of the runs that learned, those of tuning included, that end with dead channels they did not begin with."""
    runs = plain(pd.concat([study.runs, study.tuning]), where)
    runs = runs[learned(runs)].dropna(subset=["dead_init", "dead_end"])
    if runs.empty:
        return []
    place = {"init": "", "setting": "", "comparison": where["activation"]}
    died = int((runs["dead_end"] > runs["dead_init"]).sum())
    return [effect(place, "runs in which channels died", "share", share_interval(died, len(runs)), len(runs))]


def dead_channels_with_rate(study: Study, where: Where) -> list[Row]:
    """Spearman's correlation of dead channels at the end with the learning rate, over the tuning runs of a cell."""
    runs = plain(study.tuning.dropna(subset="dead_end"), where)
    rows = []
    # the rate tells no cells apart here
    for place, own in settings(runs.drop(columns="lr")):
        found = spearman(runs.loc[own.index, "lr"], own["dead_end"])
        rows.append(effect(place, "rank correlation of dead channels with the rate", "", found, len(own)))
    return [row for row in rows if np.isfinite(row["estimate"])]


def accuracy_with_dead_channels(study: Study, where: Where) -> list[Row]:
    """Spearman's correlation of test accuracy with dead channels at the end, within cells."""
    runs = plain(trained_through(study), where).dropna(subset=["dead_end", "test_accuracy"])
    cell = pd.Series(index=runs.index, dtype="float64")
    for i, (_, own) in enumerate(settings(runs)):
        cell[own.index] = i
    if runs.empty:
        return []
    found = spearman(runs["dead_end"], runs["test_accuracy"], cell)
    place = {"init": "", "setting": "", "comparison": where["activation"]}
    quantity = "rank correlation of accuracy with dead channels, within cells"
    return [effect(place, quantity, "", found, len(runs))] if np.isfinite(found.estimate) else []
