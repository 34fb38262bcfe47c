"""C13 and C16: what becomes of gradients on their way back through the layers, at init."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.claims.comparison import against_bound, at_every_depth, split
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import advice, depths, listed, number

_SLOPE = "slope of ln gradient norm over layers at init"
_LINEARITY = "R^2 of ln gradient norm against the layer at init"
_RATIO = "ln of first over last gradient norm at init"


def decide_shrinkage(
    evidence: Evidence, activation: str, slope: float, linearity: float, least_layers: int, alpha: float
) -> Findings:
    """C13: fit a line to ln gradient norm over the layers of every run.

    Args:
        evidence: of the study.
        activation: whose gradients are said to shrink exponentially.
        slope: per layer; less than this is not shrinking.
        linearity: R^2 of the line; less than this is not exponential.
        least_layers: depth below which a line says nothing.
        alpha: level of the tests against both.
    """
    if evidence.lacking(activation):
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    name, facet = str(evidence.series(activation)), evidence.reference
    fits = line_fits(evidence.layers_of(), least_layers)
    if fits[fits["series"] == name].empty:
        if evidence.runs_of().loc[lambda runs: runs["series"] == name, "depth"].max() < least_layers:
            return not_tested(f"a depth of at least {least_layers}", evidence.train_command(depth="4,8,16"))
        return not_tested("diagnostics", evidence.train_command(diagnostics="summary"))
    tests = []
    for series in dict.fromkeys([name, *fits["series"]]):
        groups = by_depth(fits[fits["series"] == series])
        for depth, group in groups.items():
            for quantity, column, bound, unit in (
                (_SLOPE, "slope", slope, "per layer"),
                (_LINEARITY, "linearity", linearity, "R^2"),
            ):
                named: dict[str, Any] = {"comparison": series, "quantity": quantity, "unit": unit, "depth": depth}
                named |= {"facet": facet, "family": "" if series == name else "others"}
                tests.append(against_bound(group[column].to_numpy(), bound, alpha, 2 * len(groups), **named))
    theory = _predicted_slopes(evidence)

    def conclude(found: Sequence[Test]) -> Verdict:
        own = split(found, comparison=name)
        verdict = at_every_depth(own, "above", ("below",))
        parts = []
        for test in split(own, quantity=_SLOPE):
            line = split(own, quantity=_LINEARITY, depth=test.depth)[0]
            predicted = theory.get((name, test.depth or 0), math.nan)
            said = "" if math.isnan(predicted) else f"theory {number(_loss(predicted))}, "
            parts.append(f"{_factor(test)} at depth {test.depth} ({said}R^2 {number(line.effect)})")
        sentence = (
            f"gradients of {name} are multiplied per layer, on their way back, by {listed(parts)}; "
            f"1 would be no change{evidence.where}"
        )
        main = split(own, quantity=_SLOPE)[-1]
        sentence += advice(own) if verdict == INCONCLUSIVE else ""
        n = sum(test.n for test in split(own, quantity=_SLOPE))
        return Verdict.of(verdict, sentence, main, n=n).exponential("factor per layer", sign=-1)

    return Findings(tests, conclude)


def decide_ratio(evidence: Evidence, activation: str, ratio: float, alpha: float) -> Findings:
    """C16: compare the gradient norm of the first layer with that of the last.

    Args:
        evidence: of the study; other inits of it are tested beside.
        activation: whose gradients are said to keep their size.
        ratio: they do if first over last is between its inverse and it.
        alpha: level of the tests against the nearer of the two.
    """
    if evidence.lacking(activation):
        return not_tested(f"runs of {activation}", evidence.command_for(activation))
    name, bound = str(evidence.series(activation)), math.log(ratio)
    ratios = _log_ratios(evidence.layers)
    main_rows = ratios[(ratios["series"] == name) & (ratios["facet"] == evidence.reference)]
    if main_rows.empty:
        if evidence.runs_of().loc[lambda runs: runs["series"] == name, "depth"].max() < 2:
            return not_tested("a depth of at least 2", evidence.train_command(depth="2,4,8,16"))
        return not_tested("diagnostics", evidence.train_command(diagnostics="summary"))
    tests = []
    for init, facet in evidence.siblings("init").items():
        for series in dict.fromkeys([name, *ratios["series"]]):
            groups = by_depth(ratios[(ratios["series"] == series) & (ratios["facet"] == facet)])
            for depth, group in groups.items():
                named: dict[str, Any] = {"comparison": f"{series}, init={init}", "quantity": _RATIO, "unit": "ln ratio"}
                is_main = series == name and facet == evidence.reference
                named |= {"depth": depth, "facet": facet, "family": "" if is_main else "others"}
                tests.append(_near(group["ratio"].to_numpy(), bound, alpha, len(groups), named))
    raw = {depth: np.exp(group["ratio"].to_numpy()) for depth, group in by_depth(main_rows).items()}

    def conclude(found: Sequence[Test]) -> Verdict:
        own = split(found, family="")
        verdict = at_every_depth(own, "inside", ("outside",))
        parts = []
        for test in own:
            values = raw[test.depth or 0]
            kept = int(((values >= 1 / ratio) & (values <= ratio)).sum())
            parts.append(f"{_ratio_text(test)} at depth {test.depth} ({kept} of {test.n_first} runs within)")
        sentence = (
            f"the gradient norm of the first layer over that of the last is, for {name} at init, {listed(parts)}; "
            f"within [1/{number(ratio)}, {number(ratio)}] counts as neither too small nor too large{evidence.where}"
        )
        for init in dict.fromkeys(test.comparison.partition(", init=")[2] for test in found):
            further = [test for test in found if test.comparison == f"{name}, init={init}" and test.family]
            if outside := split(further, outcome="outside"):
                sentence += f"; with init={init} it is outside at {depths(test.depth for test in outside)}"
        sentence += advice(own) if verdict == INCONCLUSIVE else ""
        worst = max(own, key=lambda test: abs(test.effect))
        return Verdict.of(verdict, sentence, worst, n=sum(test.n for test in own)).exponential("ratio")

    return Findings(tests, conclude)


def line_fits(layers: pd.DataFrame, least_layers: int) -> pd.DataFrame:
    """Least-squares lines through ln gradient norm over the layer index at init, one per run.

    Args:
        layers: rows of layers.parquet with `series` and `depth`.
        least_layers: runs with fewer have no row, nor have runs with a gradient that is zero or missing.

    Returns:
        columns run_id, series, depth, slope (per layer; positive where gradients shrink on their way back), linearity.
    """
    start = layers[(layers["epoch"] == 0) & (layers["depth"] >= least_layers)]
    rows = []
    for (run_id, series, depth), group in start.groupby(["run_id", "series", "depth"], sort=False):
        gradient = group["gradient"].to_numpy("float64")
        if len(gradient) == depth and np.all(gradient > 0) and np.all(np.isfinite(gradient)):
            line, residuals, *_ = np.polyfit(group["layer"], np.log(gradient), 1, full=True)
            total = float(np.sum((np.log(gradient) - np.log(gradient).mean()) ** 2))
            linearity = 1 - float(residuals[0]) / total if len(residuals) and total > 0 else math.nan
            rows.append((run_id, series, depth, float(line[0]), linearity))
    table = pd.DataFrame(rows, columns=["run_id", "series", "depth", "slope", "linearity"])
    return table[table["linearity"].notna()]


def _log_ratios(layers: pd.DataFrame) -> pd.DataFrame:
    """Per run of at least two layers, ln of the gradient norm of the first layer over that of the last, at init."""
    start = layers[(layers["epoch"] == 0) & (layers["depth"] > 1) & (layers["gradient"] > 0)]
    first, last = start[start["layer"] == 1], start[start["layer"] == start["depth"]]
    both = first.merge(last[["run_id", "gradient"]], on="run_id", suffixes=("", "_last"))
    return both.assign(ratio=np.log((both["gradient"] / both["gradient_last"]).to_numpy("float64")))


def _near(values: np.ndarray, bound: float, alpha: float, family_size: int, named: dict[str, Any]) -> Test:
    """A mean against the nearer end of [-bound, bound]: inside, outside or inconclusive."""
    side = 1.0 if np.mean(values) >= 0 else -1.0
    test = against_bound(values, side * bound, alpha, family_size, **named)
    inner, outer = ("below", "above") if side > 0 else ("above", "below")
    words = {inner: "inside", outer: "outside"}
    reached = test.decide

    def decide(p_adjusted: float) -> str:
        outcome = words.get(reached(p_adjusted) if reached else INCONCLUSIVE, INCONCLUSIVE)
        # the whole interval has to be, not only the end that the mean is near to
        is_within = -bound < test.low and test.high < bound
        return INCONCLUSIVE if outcome == "inside" and not is_within else outcome

    return test if reached is None else dataclasses.replace(test, decide=decide)


def _ratio_text(test: Test) -> str:
    ends = "" if math.isnan(test.low) else f" [{number(math.exp(test.low))}, {number(math.exp(test.high))}]"
    return f"{number(math.exp(test.effect))}{ends}"


def _loss(slope: float) -> float:
    """What gradients are multiplied by from one layer to the one before it."""
    return math.exp(-slope)


def _factor(test: Test) -> str:
    ends = "" if math.isnan(test.low) else f" [{number(_loss(test.high))}, {number(_loss(test.low))}]"
    return f"{number(_loss(test.effect))}{ends}"


def _predicted_slopes(evidence: Evidence) -> dict[tuple[str, int], float]:
    """Slopes that mean-field theory predicts, by series and depth; nan where it predicts nothing."""
    rows = evidence.theory[evidence.theory["facet"] == evidence.reference]
    slopes = {}
    groups = {
        (str(series), depth): of_depth
        for series, own in rows.groupby("series")
        for depth, of_depth in by_depth(own).items()
    }
    for key, group in groups.items():
        predicted = group["gradient_relative"].to_numpy("float64")
        usable = len(predicted) > 1 and bool(np.all(predicted > 0))
        slopes[key] = float(np.polyfit(group["layer"], np.log(predicted), 1)[0]) if usable else math.nan
    return slopes
