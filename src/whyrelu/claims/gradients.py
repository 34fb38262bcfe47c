"""C13 and C16: what becomes of gradients on their way back through the layers, at init."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.claims.comparison import against_bound, at_every_depth, split, telling, weakest
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, SUPPORTED, Findings, Test, Verdict, concluded, not_tested
from whyrelu.claims.words import advice, depths, listed, number

_SLOPE = "slope of ln gradient norm over layers at init"
_LINEARITY = "R^2 of ln gradient norm against the layer at init"
_RATIO = "gradient norm of the first layer over that of the last at init"
# What is said of runs without a fit.
_NO_LINE = "too few layers have a gradient that is not zero for a line"
# And of those with a gradient that underflowed.
_COUNTS = "counts with the smallest one measured"
# Below this float32 has nothing but zero.
_UNDERFLOW = float(np.finfo(np.float32).smallest_subnormal)


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
    layers = evidence.layers_of()
    fits = line_fits(layers, least_layers)
    fitted = fits[fits["series"] == name]
    seen = _runs_at_init(layers, name, least_layers)
    if fitted.empty:
        if evidence.runs_of().loc[lambda runs: runs["series"] == name, "depth"].max() < least_layers:
            return not_tested(f"a depth of at least {least_layers}", evidence.train_command(depth="4,8,16"))
        if not seen:
            return not_tested("diagnostics", evidence.train_command(diagnostics="summary"))
        return concluded(Verdict(INCONCLUSIVE, f"in {seen} of {seen} runs of {name} {_NO_LINE}{evidence.where}"))
    unfitted = seen - len(fitted)
    without = f"; in {unfitted} of {seen} runs of {name} {_NO_LINE}, and they are left out" if unfitted else ""
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
            f"1 would be no change{without}{evidence.where}"
        )
        sentence += advice(own) if verdict == INCONCLUSIVE else ""
        main = telling(verdict, own, "above", ("below",), pooled=None)
        if verdict == SUPPORTED:
            main = weakest(split(own, quantity=_SLOPE))
        found_out = Verdict.of(verdict, sentence, main, runs=sum(test.n for test in split(own, quantity=_SLOPE)))
        # R^2 is shown as it is
        return found_out.exponential("factor per layer", sign=-1) if main.quantity == _SLOPE else found_out

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
    seen = _runs_at_init(evidence.layers_of(), name, 2)
    if main_rows.empty:
        if evidence.runs_of().loc[lambda runs: runs["series"] == name, "depth"].max() < 2:
            return not_tested("a depth of at least 2", evidence.train_command(depth="2,4,8,16"))
        if not seen:
            return not_tested("diagnostics", evidence.train_command(diagnostics="summary"))
        nothing = f"in {seen} of {seen} runs of {name} the gradient of the last layer is zero, so there is no ratio"
        return concluded(Verdict(INCONCLUSIVE, nothing + evidence.where))
    zeros = int((main_rows["gradient"] == 0).sum())
    told = f"; in {zeros} of {seen} runs the gradient of the first layer is zero and {_COUNTS}" if zeros else ""
    undefined = seen - len(main_rows)
    told += f"; {undefined} of {seen} runs have no such ratio and are left out" if undefined else ""
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
            f"within [1/{number(ratio)}, {number(ratio)}] counts as neither too small nor too large{told}"
            f"{evidence.where}"
        )
        for init in dict.fromkeys(test.comparison.partition(", init=")[2] for test in found):
            further = [test for test in found if test.comparison == f"{name}, init={init}" and test.family]
            if outside := split(further, outcome="outside"):
                sentence += f"; with init={init} it is outside at {depths(test.depth for test in outside)}"
        sentence += advice(own) if verdict == INCONCLUSIVE else ""
        main = telling(verdict, own, "inside", ("outside",), pooled=None)
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in own)).exponential("ratio")

    return Findings(tests, conclude)


def line_fits(layers: pd.DataFrame, least_layers: int) -> pd.DataFrame:
    """Least-squares lines through ln gradient norm over the layer index at init, one per run.

    Args:
        layers: rows of layers.parquet with `series` and `depth`.
        least_layers: runs with fewer layers of a gradient above zero have no row. A gradient that underflowed to zero
            cannot be on the line, and says nothing against it.

    Returns:
        columns run_id, series, depth, slope (per layer; positive where gradients shrink on their way back), linearity.
    """
    start = layers[(layers["epoch"] == 0) & (layers["gradient"] > 0)]
    rows = []
    for (run_id, series, depth), group in start.groupby(["run_id", "series", "depth"], sort=False):
        if len(group) < least_layers:
            continue
        layer, logs = group["layer"].to_numpy("float64"), np.log(group["gradient"].to_numpy("float64"))
        line = np.polyfit(layer, logs, 1)
        total = float(np.sum((logs - logs.mean()) ** 2))
        # where nothing changes a line explains nothing
        linearity = 1 - float(np.sum((logs - np.polyval(line, layer)) ** 2)) / total if total > 0 else 0.0
        rows.append((run_id, series, depth, float(line[0]), linearity))
    return pd.DataFrame(rows, columns=["run_id", "series", "depth", "slope", "linearity"])


def _runs_at_init(layers: pd.DataFrame, series: str, least_layers: int) -> int:
    """How many runs of a series with enough layers were looked at before training."""
    start = layers[(layers["epoch"] == 0) & (layers["series"] == series) & (layers["depth"] >= least_layers)]
    return int(start["run_id"].nunique())


def _log_ratios(layers: pd.DataFrame) -> pd.DataFrame:
    """Per run of at least two layers, ln of the gradient norm of the first layer over that of the last, at init.

    A gradient of the first layer that underflowed to zero is too small, whatever it was: it counts with the smallest
    one that was measured, which is nearer to the bound than the truth.
    """
    start = layers[(layers["epoch"] == 0) & (layers["depth"] > 1) & (layers["gradient"] >= 0)]
    positive = start.loc[start["gradient"] > 0, "gradient"].to_numpy("float64")
    least = max(positive.min(initial=np.inf), _UNDERFLOW)
    first = start[start["layer"] == 1]
    last = start[(start["layer"] == start["depth"]) & (start["gradient"] > 0)]
    both = first.merge(last[["run_id", "gradient"]], on="run_id", suffixes=("", "_last"))
    gradient = both["gradient"].to_numpy("float64")
    ratio = np.log(np.where(gradient > 0, gradient, least) / both["gradient_last"].to_numpy("float64"))
    return both.assign(ratio=ratio)


def _near(values: np.ndarray, bound: float, alpha: float, family_size: int, named: dict[str, Any]) -> Test:
    """A mean against the nearer end of [-bound, bound]: inside, outside or inconclusive."""
    side = 1.0 if np.mean(values) >= 0 else -1.0
    test = against_bound(values, side * bound, alpha, family_size, **named)
    inner, outer = ("below", "above") if side > 0 else ("above", "below")
    words = {inner: "inside", outer: "outside"}
    reached = test.decide

    def decide(p_adjusted: float, p_equality: float) -> str:
        outcome = words.get(reached(p_adjusted, p_equality) if reached else INCONCLUSIVE, INCONCLUSIVE)
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
