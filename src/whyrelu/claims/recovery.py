"""C9: on a plateau the backward pass is almost meaningless."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from whyrelu.claims.comparison import against_bound, at_every_depth, telling
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, each_depth, percent

_QUANTITY = "saturated units that are no longer saturated one epoch later"


def decide(evidence: Evidence, activation: str, stay: float, alpha: float) -> Findings:
    """Measure which share of saturated units leaves saturation from one epoch to the next.

    Args:
        evidence: of the study.
        activation: whose saturated units are said to stay so.
        stay: units stay saturated if at most this share leaves per epoch.
        alpha: level of the tests against it.
    """
    if evidence.lacking(activation):
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    layers = evidence.layers_of()
    if not (layers["epoch"] > 0).any() or not layers["desaturated"].notna().any():
        return not_tested("diagnostics of every epoch", evidence.train_command(diagnostics="full"))
    rates = leaving_rates(layers)
    facet, name = evidence.reference, str(evidence.series(activation))
    tests = []
    for series in dict.fromkeys([name, *rates["series"]]):
        own = by_depth(rates[rates["series"] == series])
        for depth, group in own.items():
            named = {"comparison": series, "quantity": _QUANTITY, "unit": "points", "depth": depth, "facet": facet}
            family = "" if series == name else "others"
            test = against_bound(100 * group["rate"].to_numpy(), 100 * stay, alpha, len(own), **named, family=family)
            tests.append(test)
    main = [test for test in tests if test.comparison == name]
    common = float(layers.loc[layers["series"] == name, "saturated"].mean())
    unsaturated = int((evidence.runs_of()["series"] == name).sum()) - sum(test.n for test in main)
    if not main:
        nothing = Verdict(INCONCLUSIVE, f"no unit of {name} was ever saturated, so none could stay so{evidence.where}")
        return Findings(tests, lambda _: nothing)

    without = f"; {unsaturated} runs in which no unit was seen to be saturated are left out" if unsaturated else ""

    def conclude(found: Sequence[Test]) -> Verdict:
        own = [test for test in found if test.comparison == name]
        verdict = at_every_depth(own, "below", ("above",))
        sentence = (
            f"of the saturated units of {name} ({percent(common)} of all) this share is no longer saturated one epoch "
            f"later: {each_depth(own, _percent)}; "
            f"the claim needs at most {percent(stay)}{without}{evidence.where}"
        )
        sentence += advice(own) if verdict == INCONCLUSIVE else ""
        main = telling(verdict, own, "below", ("above",), pooled=None)
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in own))

    return Findings(tests, conclude)


def _percent(points: float) -> str:
    return percent(max(points, 0) / 100)


def leaving_rates(layers: pd.DataFrame) -> pd.DataFrame:
    """Per run, the share of saturated units that leaves saturation per epoch.

    Over all layers and epochs, each counted by how many of its units were saturated before: a layer with one saturated
    unit says little.

    Args:
        layers: rows of layers.parquet with `series` and `depth`, of which epochs without the one before are left out.

    Returns:
        columns run_id, series, depth, rate; no row for a run in which no unit was ever saturated.
    """
    keys = ["run_id", "layer", "epoch"]
    before = layers[[*keys, "saturated"]].assign(epoch=layers["epoch"] + 1).rename(columns={"saturated": "before"})
    rows = layers[layers["desaturated"].notna()].merge(before, on=keys)
    rows = rows.assign(left=rows["desaturated"].astype("float64") * rows["before"])
    sums = rows.groupby(["run_id", "series", "depth"], sort=False)[["left", "before"]].sum().reset_index()
    sums = sums[sums["before"] > 0]
    return sums.assign(rate=sums["left"] / sums["before"])[["run_id", "series", "depth", "rate"]]
