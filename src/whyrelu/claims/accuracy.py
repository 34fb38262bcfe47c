"""Test accuracy of activations, compared by seed."""

from collections.abc import Mapping

import pandas as pd

from whyrelu.claims.selection import Row, Where, effect, pairs, plain, settings, trained_through, with_setting, within
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import mean_interval
from whyrelu.statistics.tests import paired_p, superiority


def paired_difference(study: Study, activation: str, against: str, where: Where | None = None) -> list[Row]:
    """Test accuracy of one activation minus that of another, at the smallest and the largest budget."""
    runs = plain(trained_through(study), where or {}, "ends")
    runs = runs[runs["activation"].isin([activation, against])].dropna(subset="test_accuracy")
    return [
        _difference(place | {"comparison": f"{first} - {second}"}, both)
        for place, rows in settings(runs, by_arm=False)
        for first, second, both in pairs(rows, activation, against)
    ]


def spread(study: Study, where: Where, max_depth: int | None = None) -> list[Row]:
    """Mean accuracy of the most accurate activation minus that of the least accurate one, paired by seed.

    Beside it stands what is left without the least accurate one.
    """
    runs = within(plain(trained_through(study), where), max_depth=max_depth).dropna(subset="test_accuracy")
    rows = []
    for place, own in settings(runs, by_arm=False):
        means = own.groupby("activation")["test_accuracy"].mean().sort_values()
        *others, best = means.index
        for worst in others[:2]:
            left_out = "" if worst == others[0] else f"without {others[0]}"
            place = with_setting(place, left_out)
            # no p: the two were chosen for their difference
            rows += [
                _difference(place | {"comparison": f"{first} - {second}"}, both) | {"p": None, "beside": bool(left_out)}
                for first, second, both in pairs(own, best, worst)
            ]
    return rows


def _difference(place: Mapping[str, object], both: pd.DataFrame) -> Row:
    """The effect of one pair of arms, with its 90% interval for the rule of equality."""
    first, second = both["test_accuracy_first"], both["test_accuracy_second"]
    _, low_90, high_90 = mean_interval(first - second, 0.9)
    return effect(
        dict(place),
        "test accuracy",
        "points",
        mean_interval(first - second),
        len(both),
        first=first.mean(),
        second=second.mean(),
        share_first=(both["outcome_first"] == "learned").mean(),
        share_second=(both["outcome_second"] == "learned").mean(),
        p=paired_p(first, second),
        superiority=superiority(first, second),
        low_90=low_90,
        high_90=high_90,
    )
