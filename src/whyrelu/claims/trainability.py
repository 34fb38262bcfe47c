"""Which networks learn: shares by depth, the largest depth that learns, and what tells it beforehand."""

from typing import Literal

import pandas as pd

from whyrelu.claims.selection import Row, Where, effect, learned, plain, settings, with_setting, within
from whyrelu.claims.units import saturated_at_init
from whyrelu.results.labels import cell_factors, value_text
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import BOOTSTRAP_FROM, Estimate, mean_interval, share_interval
from whyrelu.statistics.logistic import falling_logistic
from whyrelu.statistics.ranks import area_under_curve, somers_d

_SCORES = {"saturated_init": "saturation"}


def share_learned(study: Study, where: Where, min_depth: int = 1, max_depth: int | None = None) -> list[Row]:
    """Share of runs that learn in each cell, at every budget, and beside it the units saturated at initialisation."""
    runs = within(plain(study.runs, where, "all"), min_depth, max_depth)
    shares = [effect(place, "share that learns", "share", _share(rows), len(rows)) for place, rows in settings(runs)]
    beside = saturated_at_init(study, where, min_depth, max_depth)
    return shares + [row | {"beside": True} for row in beside]


def change_of_depth(study: Study, where: Where, change: Where) -> list[Row]:
    """Change of the largest depth at which most runs learn, when one factor of the plain cell `where` changes."""
    base, changed = (plain(study.runs, {**where, **factors}) for factors in ({}, change))
    if base.empty or changed.empty:
        return []
    # the setting is that of the base
    before = {name: base[name].iloc[0] for name in change}
    others = {
        (place["init"], place["setting"]): runs for place, runs in settings(changed.assign(**before), by_depth=False)
    }
    comparison = " - ".join(", ".join(map(value_text, values.values())) for values in (change, before))
    rows = []
    for place, runs in settings(base, by_depth=False):
        other = others.get((place["init"], place["setting"]), changed.iloc[:0])
        depths = set(runs["depth"]) & set(other["depth"])
        if depths:
            second, first = (_deepest(arm[arm["depth"].isin(depths)]) for arm in (runs, other))
            estimate = Estimate(first.estimate - second.estimate, first.low - second.high, first.high - second.low)
            told = {"comparison": comparison, "first": first.estimate, "second": second.estimate}
            place = with_setting(place | told, "depth " + " to ".join(map(str, sorted({min(depths), max(depths)}))))
            rows.append(effect(place, "largest depth at which most runs learn", "layers", estimate, len(runs)))
    return rows


def _share(runs: pd.DataFrame) -> Estimate:
    return share_interval(int(learned(runs).sum()), len(runs))


def _deepest(runs: pd.DataFrame) -> Estimate:
    """The largest depth with a share above one half, and with Wilson's lower end above it or upper end at least it."""
    shares = {int(str(depth)): _share(rows) for depth, rows in runs.groupby("depth")}
    return Estimate(
        max((depth for depth, share in shares.items() if share.estimate > 0.5), default=0),
        max((depth for depth, share in shares.items() if share.low > 0.5), default=0),
        max((depth for depth, share in shares.items() if share.high >= 0.5), default=0),
    )


def area_of_decades(study: Study) -> list[Row]:
    """Area under the ROC curve of the predicted |decades|: few of them shall tell the runs that learn.

    Beside it stands that of the number of layers, which knows neither activation nor weights.
    """
    return _areas(study, "decades") + [row | {"beside": True} for row in _areas(study, "depth")[:1]]


def decades_against_saturation(study: Study) -> list[Row]:
    """The area of |decades| minus that of the share of units saturated at initialisation."""
    return _areas(study, "decades", "saturated_init")


def saturation_against_decades(study: Study) -> list[Row]:
    """The area of the share of units saturated at initialisation minus that of |decades|."""
    return _areas(study, "saturated_init", "decades")


def _areas(study: Study, first: str, second: str | None = None) -> list[Row]:
    """How well small scores tell the runs that learn: of all activations, and beside it of each alone."""
    runs = _with_decades(study.runs, study).dropna(subset="saturated_init")
    named = " - ".join(_SCORES.get(score, score) for score in (first, second) if score is not None)
    rows = []
    for activation, own in [("", runs), *runs.groupby("activation")]:
        positive = learned(own)
        if own["cell"].nunique() < BOOTSTRAP_FROM or positive.nunique() < 2:
            continue
        scores = [-own[name].abs() for name in (first, second) if name is not None]
        areas = [area_under_curve(score, positive, own["cell"]).estimate for score in scores]
        found = area_under_curve(scores[0], positive, own["cell"], *scores[1:])
        place: Row = {"init": "", "setting": activation, "comparison": named}
        told = {} if second is None else dict(zip(("first", "second"), areas, strict=True))
        rows.append(effect(place, "area under the ROC curve", "", found, len(own), beside=bool(activation), **told))
    return rows


def _with_decades(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Plain runs of every budget with the decades that theory predicts and a number of their cell."""
    runs = plain(table, {}, "all", gains=True)
    factors = cell_factors(runs)
    runs = runs.merge(study.cells[[*factors, "decades"]], on=factors).dropna(subset="decades")
    return runs.assign(cell=runs.groupby(factors, dropna=False).ngroup())


def classified_right(study: Study, fitted_on: str) -> list[Row]:
    """Share of runs that one logistic curve over |decades|, fitted on another study, classifies right at one half.

    Beside it stands the share that learns, or does not if that is larger: what guessing the same each time has right.
    """
    other = study.sibling(fitted_on)
    if other is None:
        return []
    known, runs = _with_decades(other.runs, other), _with_decades(study.runs, study)
    if runs.empty or learned(known).nunique() < 2:
        return []
    _, threshold = falling_logistic(known["decades"].abs(), learned(known))
    right = ((runs["decades"].abs() < threshold) == learned(runs)).groupby(runs["cell"]).mean()
    place = {"init": "", "setting": "", "comparison": f"fitted on {fitted_on}"}
    factor = float(runs["steps"].median() / known["steps"].median())
    learning = float(learned(runs).mean())
    return [
        effect(place, "runs classified right", "share", mean_interval(right, bounds=(0, 1)), len(runs)),
        effect(place, "steps relative to those of the fit", "ratio", factor, len(runs), beside=True),
        effect(place, "runs guessed right", "share", max(learning, 1 - learning), len(runs), beside=True),
    ]


def follows_shift(study: Study, score: Literal["shift", "decades"]) -> list[Row]:
    """Somers' D of what learns on c, or on the predicted decades, over sigmoid(x) - c with sigmoid as c = 0."""
    runs = plain(_with_decades(study.runs, study) if score == "decades" else study.runs, {})
    if "activation.shift" not in runs:
        return []
    found = runs[runs["activation"].isin(["sigmoid", "shifted_sigmoid"])].fillna({"activation.shift": 0.0})
    rows = []
    for place, group in settings(found, by_arm=False):
        cells = [cell for _, cell in group.groupby("activation.shift")]
        if len(cells) > 1:
            x = [float(cell["activation.shift" if score == "shift" else "decades"].iloc[0]) for cell in cells]
            d = somers_d(x, [learned(cell) for cell in cells])
            place["comparison"] = f"on {score}"
            rows.append(effect(place, "Somers' D of what learns", "", d, len(group)))
    return rows
