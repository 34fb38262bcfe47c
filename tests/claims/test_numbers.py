"""The numbers that claims compute themselves, against published examples, SciPy and the truth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from claims.studies import study
from whyrelu.claims.comparison import against_bound
from whyrelu.claims.factorial import crossed_factors
from whyrelu.claims.gradients import line_fits
from whyrelu.claims.proportions import counted, difference_of


def test_difference_of_proportions_decides_by_adjusted_p() -> None:
    found = difference_of(counted(9, 10), counted(1, 10), 0.05, comparison="a - b", quantity="failures")
    assert found.decide is not None
    assert [found.decide(p, math.nan) for p in (0.01, 0.05, math.nan)] == ["higher", "inconclusive", "inconclusive"]


@pytest.mark.parametrize(
    ("value", "n", "outcome"),
    [(2.0, 10, "above"), (1.0, 10, "inconclusive"), (0.0, 10, "below"), (2.0, 5, "inconclusive")],
)
def test_bound_without_spread(value: float, n: int, outcome: str) -> None:
    found = against_bound(np.full(n, value), 1.0, 0.05, comparison="a", quantity="b", unit="c")
    assert found.decide is not None
    # five that are the same have p = 2 / 2^5, and six would do
    assert found.decide(found.p, math.nan) == outcome


def test_single_run_is_on_no_side() -> None:
    found = against_bound(np.array([5.0]), 1.0, 0.05, comparison="a", quantity="b", unit="c")
    assert found.outcome == "inconclusive" and found.decide is None and math.isnan(found.p)


def test_line_fits() -> None:
    layers = study(
        depths=(2, 4), seeds=1, layers=lambda f, found: {"gradient": np.exp(0.5 * np.arange(f["depth"]))[None]}
    )
    named = layers["layers"].merge(layers["runs"][["run_id", "activation", "depth"]], on="run_id")
    fits = line_fits(named.rename(columns={"activation": "series"}), 3)
    assert fits["depth"].tolist() == [4, 4]
    assert fits["slope"].to_numpy() == pytest.approx(0.5)
    assert fits["linearity"].to_numpy() == pytest.approx(1)


def grid(**axes: list[object]) -> pd.DataFrame:
    table = pd.MultiIndex.from_product(axes.values(), names=list(axes)).to_frame(index=False)
    return table.assign(run_id=[str(i) for i in range(len(table))], series=table["activation"])


FACTORS = ["activation", "init", "norm"]


def test_factors_that_are_crossed() -> None:
    full = grid(activation=["relu", "sigmoid"], init=["he", "critical"], norm=["none", "batch"], seed=[0, 1])
    assert crossed_factors(full, FACTORS, ["depth"]) is not None
    deep = pd.concat([full.assign(depth=4), full.assign(depth=8)])
    found = crossed_factors(deep, FACTORS, ["depth"])
    assert found is not None and found[1] == [*FACTORS, "depth"] and len(found[0]) == 32
    # adam in some cells only: those with sgd remain
    part = full[full["norm"] == "none"]
    mixed = pd.concat([full.assign(optimizer="sgd"), part.assign(optimizer="adam")])
    found = crossed_factors(mixed, FACTORS, ["optimizer"])
    assert found is not None and found[1] == FACTORS and set(found[0]["optimizer"]) == {"sgd"} and len(found[0]) == 16
    # two cells at another depth, named first: the factorial stays where it is
    shallow = full[(full["init"] == "he") & (full["norm"] == "none")].assign(depth=2)
    found = crossed_factors(pd.concat([shallow, full.assign(depth=8)]), FACTORS, ["depth"])
    assert found is not None and set(found[0]["depth"]) == {8} and len(found[0]) == 16
    # where most runs are, norm does not vary
    assert (
        crossed_factors(pd.concat([full[full["norm"] == "none"]] * 2 + [full]).assign(norm="none"), FACTORS, []) is None
    )
    assert crossed_factors(full.iloc[2:], FACTORS, []) is None
    assert crossed_factors(full[full["init"] == "he"], FACTORS, []) is None
