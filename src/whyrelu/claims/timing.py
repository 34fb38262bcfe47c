"""C3 to C6: what the activation costs in time, from timing.json.

Ratios are of blocks that were timed together; n counts blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from whyrelu.claims.comparison import Values, at_every_depth, split
from whyrelu.claims.declaration import of_data
from whyrelu.claims.evidence import Evidence, by_depth
from whyrelu.claims.times import SECONDS_TO, entries, pairs, step_seconds
from whyrelu.claims.verdict import INCONCLUSIVE, NAN, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import between, each_depth, listed, number, percent
from whyrelu.results.convergence import censored
from whyrelu.statistics.summaries import mean_interval, seed_of, t_interval
from whyrelu.statistics.survival import Censored, common_horizon, restricted_mean_ratio
from whyrelu.statistics.welch import welch_trend

_KINDS = {"train": "training step", "inference": "inference"}
_EPOCHS = "time for the same number of epochs"


def decide_op(evidence: Evidence, activation: str, reference: str, ratio: float, alpha: float) -> Findings:
    """C3: ratio of times of the elementwise operation, at every size, forward and backward.

    Args:
        evidence: of the study.
        activation: that is said to be slower.
        reference: than this one.
        ratio: of times; above it counts as slower.
        alpha: level of the tests.
    """
    names = _names(evidence, activation, reference)
    tests = []
    for name in ("forward", "backward"):
        for (size,), pair in pairs(entries(evidence.timing, "op", **{"pass": name}), names, ["size"]).items():
            quantity = f"{name} time of {size:,} elements"
            tests.append(_ratio_test(pair, ratio, alpha, comparison=" / ".join(names), quantity=quantity))
    if not tests:
        return _not_timed(evidence, names)

    def conclude(found: Sequence[Test]) -> Verdict:
        verdict = at_every_depth(found, "above", ("below",))
        parts = []
        for name in ("forward", "backward"):
            own = [test for test in found if test.quantity.startswith(name)]
            parts += [f"{name} {_span(own, lambda test: test.quantity.partition(' of ')[2])}"] if own else []
        sentence = f"one {names[0]} takes, relative to {names[1]}, {listed(parts)} times as long"
        return Verdict.of(verdict, sentence, _decisive(found)).exponential("ratio")

    return Findings(tests, conclude)


def decide_share(evidence: Evidence, activation: str, growth: float, alpha: float) -> Findings:
    """C4: slope of the activation's share of a training step over log2 width.

    Args:
        evidence: of the study.
        activation: whose share is said to grow.
        growth: of the share per doubling of width; less does not count as growing.
        alpha: level of the test.
    """
    name = evidence.series(activation) or activation
    at_depth: dict[int, dict[int, Values]] = {}
    for entry in entries(evidence.timing, "step", activation=name, kind="train"):
        if entry["activation_share"]:
            at_depth.setdefault(entry["depth"], {})[entry["width"]] = np.array(entry["activation_share"], np.float64)
    groups = {depth: shares for depth, shares in sorted(at_depth.items()) if len(shares) > 1}
    if not at_depth:
        return _not_timed(evidence, (name,))
    if not groups:
        return not_tested("times at two widths or more", evidence.command("timing.py", **{"timing.seconds": "300"}))
    tests = []
    for depth, shares in groups.items():
        widths = sorted(shares)
        trend, _ = welch_trend([shares[width] for width in widths], np.log2(widths), 1 - alpha)
        tests.append(
            Test(
                comparison=name,
                quantity=f"share of a training step, per doubling of width from {widths[0]} to {widths[-1]}",
                effect=100 * trend.value,
                unit="points",
                low=100 * trend.low,
                high=100 * trend.high,
                n_first=sum(len(values) for values in shares.values()),
                depth=depth,
                outcome="above" if trend.low > growth else "below" if trend.high < growth else INCONCLUSIVE,
                n_of="blocks",
                timed=True,
            )
        )
    ends = {
        depth: listed(f"{percent(float(np.mean(own[width])))} at width {width}" for width in (min(own), max(own)))
        for depth, own in groups.items()
    }

    def conclude(found: Sequence[Test]) -> Verdict:
        verdict = at_every_depth(found, "above", ("below",))
        first = found[0].depth
        assert first is not None
        sentence = (
            f"the share of {name} in a training step changes per doubling of width by this many points: "
            f"{each_depth(found)} ({ends[first]}, depth {first})"
        )
        return Verdict.of(verdict, sentence, _decisive(found))

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
    names = _names(evidence, activation, reference)
    tests = []
    for kind in _KINDS:
        found = pairs(entries(evidence.timing, "step", kind=kind), names, ["width", "depth"])
        tests += [
            _ratio_test(pair, ratio, alpha, depth=depth, comparison=" / ".join(names), quantity=_quantity(kind, width))
            for (width, depth), pair in found.items()
        ]
    if {test.quantity.partition(" time")[0] for test in tests} != set(_KINDS.values()):
        return _not_timed(evidence, names)

    def conclude(found: Sequence[Test]) -> Verdict:
        verdict = at_every_depth(found, "above", ("below",))
        parts = []
        for kind in _KINDS.values():
            own = [test for test in found if test.quantity.startswith(kind)]
            parts.append(f"{kind} {_span(own, _place)}")
        equal = [test for test in found if test.outcome == "below"]
        sentence = f"with {names[0]}, relative to {names[1]}, {listed(parts)} times as long"
        if equal:
            sentence += f"; in {len(equal)} of {len(found)} places the ratio is surely below {number(ratio)}"
        return Verdict.of(verdict, sentence, _decisive(found)).exponential("ratio")

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

    Epochs have as many steps whatever the activation, so their times are as those of steps.

    Args:
        evidence: of the study.
        activation: that is said to take more than `ratio` times as long.
        reference: as this one.
        ratio: of times.
        thresholds: of validation accuracy, for each data set or `default`; the last of them is taken.
        alpha: level of the tests.
    """
    names = _names(evidence, activation, reference)
    runs = evidence.runs_of()
    width = int(runs["width"].iloc[0])
    found = pairs(entries(evidence.timing, "step", kind="train", width=width), names, ["depth"])
    compared = " / ".join(names)
    tests = [
        _ratio_test(pair, ratio, alpha, of_epochs=True, depth=depth, comparison=compared, quantity=_EPOCHS)
        for (depth,), pair in found.items()
    ]
    if not tests:
        return _not_timed(evidence, names)
    threshold = float(of_data(thresholds, str(runs["data"].iloc[0]))[-1])
    rows = runs.merge(evidence.convergence[evidence.convergence["threshold"] == threshold], on="run_id")
    for depth, group in by_depth(rows).items():
        arms = []
        for name in names:
            own = group[group["series"] == name]
            second = step_seconds(evidence.timing, name, depth, width)
            if len(own) and second is not None:
                steps = censored(own, float(group["steps"].max()))
                arms.append(Censored(steps.times * second, steps.reached))
        if len(arms) == 2 and arms[1].reached.any():
            tests.append(_time_ratio(arms, ratio, threshold, depth, compared))

    def conclude(found: Sequence[Test]) -> Verdict:
        epochs = split(found, quantity=_EPOCHS)
        reached = [test for test in found if test.quantity != _EPOCHS]
        fixed = at_every_depth(epochs, "above", ("below",))
        to_accuracy = at_every_depth(reached, "above", ("below",))
        verdict = INCONCLUSIVE
        if fixed == REFUTED:
            verdict = REFUTED
        elif fixed == to_accuracy == SUPPORTED:
            verdict = SUPPORTED
        sentence = f"the same number of epochs takes {names[0]} {each_depth(epochs, _exp)} times as long as {names[1]}"
        if reached:
            sentence += (
                f"; the time to a validation accuracy of {number(threshold)}, up to the end of training, is "
                f"{each_depth(reached, _exp)} times as long"
            )
        return Verdict.of(verdict, sentence, _decisive(epochs)).exponential("ratio")

    return Findings(tests, conclude)


def _names(evidence: Evidence, activation: str, reference: str) -> tuple[str, str]:
    return evidence.series(activation) or activation, evidence.series(reference) or reference


def _not_timed(evidence: Evidence, names: Sequence[str]) -> Findings:
    if evidence.timing is None:
        return not_tested("timing.json", evidence.command("timing.py"))
    known = list(dict.fromkeys(evidence.runs["activation"]))
    activation = ",".join(dict.fromkeys([*known, *names]))
    return not_tested(f"times of {' and '.join(names)}", evidence.command("timing.py", activation=activation))


def _quantity(kind: str, width: int) -> str:
    return f"{_KINDS[kind]} time at width {width}"


def _ratio_test(pair: tuple[Values, Values], ratio: float, alpha: float, of_epochs: bool = False, **named: Any) -> Test:
    """Mean log-ratio of paired blocks against a bound: above it by its interval, or below.

    Below is by the interval that a test of equivalence (TOST) takes, of level 1 - 2 alpha. For times of epochs, whose
    rule knows one interval only, that is the span of bootstrap and Student's t on both sides.
    """
    logs = np.log(pair[0] / pair[1])
    if of_epochs:
        seed = seed_of(", ".join(str(value) for value in named.values()))
        interval = narrow = mean_interval(logs, seed, 1 - alpha)
    else:
        interval, narrow = t_interval(logs, 1 - alpha), t_interval(logs, 1 - 2 * alpha)
    bound = math.log(ratio)
    return Test(
        effect=float(logs.mean()),
        unit="ln ratio",
        low=interval.low,
        high=interval.high,
        n_first=len(logs),
        outcome="above" if interval.low > bound else "below" if narrow.high < bound else INCONCLUSIVE,
        n_of="blocks",
        timed=True,
        **named,
    )


def _time_ratio(arms: Sequence[Censored], ratio: float, threshold: float, depth: int, comparison: str) -> Test:
    quantity = SECONDS_TO.format(number(threshold))
    found = restricted_mean_ratio(arms[0], arms[1], common_horizon(arms), seed_of(f"{quantity}, {comparison}, {depth}"))
    outcome = "above" if found.low > ratio else "below" if found.high < ratio else INCONCLUSIVE
    value, low, high = (math.log(number) if number > 0 else NAN for number in found)
    sizes = len(arms[0].times), len(arms[1].times)
    return Test(comparison, quantity, value, "ln ratio", low, high, *sizes, depth=depth, outcome=outcome, timed=True)


def _decisive(tests: Sequence[Test]) -> Test:
    """What "everywhere" stands or falls with: the clearest test that refutes it, else the farthest from showing it."""
    refuting = [test for test in tests if test.outcome == "below"]
    if refuting:
        return min(refuting, key=lambda test: test.high)
    open_tests = [test for test in tests if test.outcome == INCONCLUSIVE]
    return min(open_tests or tests, key=lambda test: test.low)


def _span(tests: Sequence[Test], where: Callable[[Test], str]) -> str:
    """The smallest and the largest ratio with their intervals and places; one if there is no other."""
    ends = [pick(tests, key=lambda test: test.effect) for pick in (min, max)]
    texts = []
    for test in ends[: 1 if ends[0] is ends[1] else 2]:
        interval = between(_exp_value(test.low), _exp_value(test.high))
        texts.append(" ".join(filter(None, [_exp(test.effect), interval, f"({where(test)})"])))
    return " to ".join(texts)


def _place(test: Test) -> str:
    return f"{test.quantity.partition(' at ')[2]}, depth {test.depth}"


def _exp(value: float) -> str:
    return number(_exp_value(value))


def _exp_value(value: float) -> float:
    return value if math.isnan(value) else math.exp(value)
