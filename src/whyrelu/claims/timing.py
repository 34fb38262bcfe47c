"""C3 to C6: what the activation costs in time, from timing.json.

timing.json holds seconds of blocks that were timed one after the other, activations interleaved: blocks with the same
position belong together.

    {"op":   [{"activation", "size" (elements), "pass": "forward" | "backward", "seconds": [per block]}],
     "step": [{"activation", "depth", "width", "kind": "train" | "inference", "threads",
               "activation_share": [fraction of a step, per block] or null, "seconds": [per block, of one step]}]}
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from whyrelu.claims.comparison import Values, at_every_depth
from whyrelu.claims.declaration import of_data
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.verdict import INCONCLUSIVE, NAN, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import between, each_depth, listed, number, percent
from whyrelu.statistics.summaries import seed_of, t_interval
from whyrelu.statistics.survival import Censored, common_horizon, restricted_mean_ratio
from whyrelu.statistics.welch import welch_trend

_COMMAND = "python src/timing.py"


def decide_op(evidence: Evidence, activation: str, reference: str, ratio: float, alpha: float) -> Findings:
    """C3: ratio of times of the elementwise operation, at every size, forward and backward.

    Args:
        evidence: of the study.
        activation: that is said to be slower.
        reference: than this one.
        ratio: of times; above it counts as slower.
        alpha: level of the tests.
    """
    tests = []
    for name in ("forward", "backward"):
        for size, pair in sorted(_pairs(evidence, "op", (activation, reference), "size", {"pass": name}).items()):
            quantity = f"{name} time of {size} elements"
            tests.append(_ratio_test(pair, ratio, alpha, comparison=f"{activation} / {reference}", quantity=quantity))
    if not tests:
        return _planned()

    def conclude(found: Sequence[Test]) -> Verdict:
        verdict = at_every_depth(found, "above", ("below",))
        sentence = (
            f"one {activation} takes, relative to {reference}, {listed(_ratio(test) for test in found)} times as long"
        )
        return Verdict.of(verdict, sentence, max(found, key=lambda test: abs(test.effect))).exponential("ratio")

    return Findings(tests, conclude)


def decide_share(evidence: Evidence, activation: str, growth: float, alpha: float) -> Findings:
    """C4: slope of the activation's share of a training step over log2 width.

    Args:
        evidence: of the study.
        activation: whose share is said to grow.
        growth: of the share per doubling of width; less does not count as growing.
        alpha: level of the test.
    """
    entries = [
        entry
        for entry in _entries(evidence, "step")
        if entry["activation"] == activation and entry["kind"] == "train" and entry["activation_share"]
    ]
    at_depth: dict[int, dict[int, Values]] = {}
    for entry in entries:
        at_depth.setdefault(entry["depth"], {})[entry["width"]] = np.array(entry["activation_share"], dtype=np.float64)
    groups = {depth: shares for depth, shares in sorted(at_depth.items()) if len(shares) > 1}
    if not groups:
        return _planned()
    tests = []
    for depth, shares in groups.items():
        widths = sorted(shares)
        trend, _ = welch_trend([shares[width] for width in widths], np.log2(widths))
        outcome = "above" if trend.low > growth else "below" if trend.high < growth else INCONCLUSIVE
        tests.append(
            Test(
                comparison=activation,
                quantity="share of a training step, per doubling of width",
                effect=100 * trend.value,
                unit="points",
                low=100 * trend.low,
                high=100 * trend.high,
                n_first=sum(len(values) for values in shares.values()),
                depth=depth,
                outcome=outcome,
            )
        )
    ends = [f"{percent(float(np.mean(groups[depth][pick(groups[depth])])))}" for depth in groups for pick in (min, max)]

    def conclude(found: Sequence[Test]) -> Verdict:
        verdict = at_every_depth(found, "above", ("below",))
        sentence = (
            f"the share of {activation} in a training step changes per doubling of width by this many points: "
            f"{each_depth(found)} (from {ends[0]} to {ends[1]} at depth {found[0].depth})"
        )
        return Verdict.of(verdict, sentence, found[-1])

    return Findings(tests, conclude)


def decide_step(evidence: Evidence, activation: str, reference: str, ratio: float, alpha: float) -> Findings:
    """C5: ratio of times of training steps, and of inference, at every depth and width.

    Args:
        evidence: of the study.
        activation: that is said to be slower.
        reference: than this one.
        ratio: of times; above it counts as slower, and times within its inverse and it as equal.
        alpha: level of the tests.
    """
    tests = _step_tests(evidence, (activation, reference), ratio, alpha, ("train", "inference"))
    kinds = {test.quantity.partition(" ")[0] for test in tests}
    if kinds != {"train", "inference"}:
        return _planned()

    def conclude(found: Sequence[Test]) -> Verdict:
        verdict = at_every_depth(found, "above", ("below",))
        ratios = listed(_ratio(test) for test in found)
        sentence = f"steps with {activation} take, relative to {reference}, {ratios} times as long"
        return Verdict.of(verdict, sentence, found[-1]).exponential("ratio")

    return Findings(tests, conclude)


def decide_total(
    evidence: Evidence,
    activation: str,
    reference: str,
    ratio: float,
    thresholds: Mapping[str, list[float]],
    alpha: float,
) -> Findings:
    """C6: ratio of times for the same number of epochs, and of restricted mean times to a validation accuracy.

    Args:
        evidence: of the study.
        activation: that is said to take more than `ratio` times as long.
        reference: as this one.
        ratio: of times.
        thresholds: of validation accuracy, for each data set or `default`; the last of them is taken.
        alpha: level of the tests.
    """
    tests = _step_tests(evidence, (activation, reference), ratio, alpha, ("train",))
    if not tests:
        return _planned()
    runs = evidence.runs_of()
    threshold = float(of_data(thresholds, str(runs["data"].iloc[0]))[-1])
    rows = runs.merge(evidence.convergence[evidence.convergence["threshold"] == threshold], on="run_id")
    for depth, group in by_depth(rows).items():
        arms = []
        for name in (activation, reference):
            own = group[group["series"] == name]
            second = step_seconds(evidence.timing, name, depth, group["width"].iloc[0])
            if len(own) and second is not None:
                steps = own["step"].where(own["reached"], group["step"].max()).to_numpy("float64")
                arms.append(Censored(steps * second, own["reached"].to_numpy("bool")))
        if len(arms) == 2 and arms[1].reached.any():
            tests.append(_time_ratio(arms, ratio, threshold, depth, f"{activation} / {reference}"))

    def conclude(found: Sequence[Test]) -> Verdict:
        epochs = [test for test in found if test.quantity.startswith("train")]
        reached = [test for test in found if not test.quantity.startswith("train")]
        fixed = at_every_depth(epochs, "above", ("below",))
        to_accuracy = at_every_depth(reached, "above", ("below",))
        verdict = INCONCLUSIVE
        if fixed == REFUTED:
            verdict = REFUTED
        elif fixed == to_accuracy == SUPPORTED:
            verdict = SUPPORTED
        ratios = listed(_ratio(test) for test in epochs)
        sentence = f"the same number of epochs takes {activation} {ratios} times as long as {reference}"
        if reached:
            sentence += (
                f"; the time to a validation accuracy of {number(threshold)}, up to the end of training, is "
                f"{listed(_ratio(test) for test in reached)} times as long"
            )
        return Verdict.of(verdict, sentence, epochs[-1]).exponential("ratio")

    return Findings(tests, conclude)


def step_seconds(timing: Mapping[str, Any] | None, activation: str, depth: int, width: int) -> float | None:
    """Median seconds of one training step; None if it was not timed."""
    for entry in (timing or {}).get("step", []):
        if (entry["activation"], entry["depth"], entry["width"], entry["kind"]) == (activation, depth, width, "train"):
            return float(np.median(entry["seconds"]))
    return None


def _planned() -> Findings:
    """Not tested: the stage that times is planned and not there yet."""
    return not_tested("timing.json, which the planned stage timing will write", _COMMAND)


def _entries(evidence: Evidence, kind: str) -> list[Mapping[str, Any]]:
    return list((evidence.timing or {}).get(kind, []))


def _pairs(
    evidence: Evidence, kind: str, names: tuple[str, str], key: str, same: Mapping[str, Any]
) -> dict[Any, tuple[Values, Values]]:
    """Blocks of two activations, by the value of a key at which both were timed."""
    found: dict[Any, dict[str, Values]] = {}
    for entry in _entries(evidence, kind):
        if all(entry[name] == value for name, value in same.items()) and entry["activation"] in names:
            found.setdefault(entry[key], {})[entry["activation"]] = np.array(entry["seconds"], dtype=np.float64)
    return {value: (arms[names[0]], arms[names[1]]) for value, arms in found.items() if len(arms) == 2}


def _step_tests(
    evidence: Evidence, names: tuple[str, str], ratio: float, alpha: float, kinds: Sequence[str]
) -> list[Test]:
    tests = []
    for kind in kinds:
        widths = sorted({entry["width"] for entry in _entries(evidence, "step")})
        for width in widths:
            pairs = _pairs(evidence, "step", names, "depth", {"kind": kind, "width": width})
            for depth, pair in sorted(pairs.items()):
                named = {"comparison": f"{names[0]} / {names[1]}", "quantity": f"{kind} time at width {width}"}
                tests.append(_ratio_test(pair, ratio, alpha, depth=depth, **named))
    return tests


def _ratio_test(pair: tuple[Values, Values], ratio: float, alpha: float, **named: Any) -> Test:
    """Mean log-ratio of paired blocks against a bound: above it, or below by the interval that a TOST takes."""
    logs = np.log(pair[0] / pair[1])
    interval, narrow = t_interval(logs), t_interval(logs, 1 - 2 * alpha)
    bound = math.log(ratio)
    outcome = "above" if interval.low > bound else "below" if narrow.high < bound else INCONCLUSIVE
    return Test(
        effect=float(logs.mean()),
        unit="ln ratio",
        low=interval.low,
        high=interval.high,
        n_first=len(logs),
        outcome=outcome,
        **named,
    )


def _time_ratio(arms: Sequence[Censored], ratio: float, threshold: float, depth: int, comparison: str) -> Test:
    quantity = f"seconds to a validation accuracy of {number(threshold)}"
    found = restricted_mean_ratio(arms[0], arms[1], common_horizon(arms), seed_of(f"{quantity}, {comparison}, {depth}"))
    outcome = "above" if found.low > ratio else "below" if found.high < ratio else INCONCLUSIVE
    value, low, high = (math.log(number) if number > 0 else NAN for number in found)
    sizes = len(arms[0].times), len(arms[1].times)
    return Test(comparison, quantity, value, "ln ratio", low, high, *sizes, depth=depth, outcome=outcome)


def _ratio(test: Test) -> str:
    where = f"{test.quantity}, depth {test.depth}" if test.depth is not None else test.quantity
    return f"{number(math.exp(test.effect))} {between(math.exp(test.low), math.exp(test.high))} ({where})"
