import itertools

import numpy as np
import pandas as pd
import pytest

from whyrelu.statistics.factorial import RESIDUAL, variance_shares


def factorial_table(n, effect, rng):
    rows = [
        {"a": a, "b": b, "y": a + effect * a * b + rng.normal()}
        for a, b, _ in itertools.product((-1, 1), (-1, 0, 1), range(n))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_shares_of_a_two_way_table_are_sums_of_squares():
    table = factorial_table(4, 1.0, np.random.default_rng(0))
    found = variance_shares(table, "y", ["a", "b"], seed=0).set_index("term")
    assert list(found.index) == ["a", "b", "a x b", RESIDUAL]
    total = ((table["y"] - table["y"].mean()) ** 2).sum()
    between = ((table.groupby("a")["y"].transform("mean") - table["y"].mean()) ** 2).sum()
    within = ((table["y"] - table.groupby(["a", "b"])["y"].transform("mean")) ** 2).sum()
    assert found["share"]["a"] == pytest.approx(between / total)
    assert found["share"][RESIDUAL] == pytest.approx(within / total)
    assert found["share"].sum() == pytest.approx(1)
    assert ((found["low"] <= found["share"]) & (found["share"] <= found["high"])).all()


@pytest.mark.soak
def test_intervals_of_shares_cover_what_studies_give_on_average():
    rng = np.random.default_rng(0)
    found = [
        variance_shares(factorial_table(4, 1.0, rng), "y", ["a", "b"], seed=i).set_index("term").loc["a x b"]
        for i in range(150)
    ]
    average = np.mean([row["share"] for row in found])
    coverage = np.mean([row["low"] <= average <= row["high"] for row in found])
    print(f"coverage of a share of variance: {coverage:.1%}")
    assert 0.85 <= coverage <= 0.99


def test_unusable_factorials():
    table = factorial_table(2, 1.0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="full factorial"):
        variance_shares(table.iloc[1:], "y", ["a", "b"], seed=0)
    with pytest.raises(ValueError, match="the same in all rows"):
        variance_shares(table.assign(y=1.0), "y", ["a", "b"], seed=0)
