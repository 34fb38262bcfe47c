"""C1: deep networks could not be trained with sigmoid-like activations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from whyrelu.claims.comparison import split
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.proportions import Count, difference_of, failures, seeds_to_tell
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import number

_QUANTITY = "failed runs"


def decide(
    evidence: Evidence, activation: str, reference: str, alike: list[str], bound: float, alpha: float
) -> Findings:
    """Compare the shares of failed runs, depth by depth, and the deepest depth with the shallowest.

    Args:
        evidence: of the study.
        activation: that is said to fail.
        reference: that is said not to.
        alike: others of the same shape, which are told beside and decide nothing.
        bound: most runs fail above this share, few below.
        alpha: level of Barnard's tests.
    """
    if lacking := evidence.lacking(activation, reference):
        return not_tested(f"runs of {' and '.join(lacking)}", evidence.command_for(activation, reference))
    runs, facet = evidence.runs_of(), evidence.reference
    names = activation, reference = str(evidence.series(activation)), str(evidence.series(reference))
    first, second = (failures(runs, name) for name in names)
    depths = sorted(set(first) & set(second))
    if len(depths) < 2:
        return not_tested("two depths or more", evidence.train_command(depth="2,4,8,16"))
    shallow, deep = depths[0], depths[-1]
    needed = [seeds_to_tell(counts[deep].fraction, bound) for counts in (first, second)]
    tests = [
        difference_of(
            first[depth],
            second[depth],
            alpha,
            comparison=f"{activation} - {reference}",
            quantity=_QUANTITY,
            depth=depth,
            facet=facet,
        )
        for depth in depths
    ]
    tests[-1] = dataclasses.replace(tests[-1], seeds_needed=None if None in needed else max(n for n in needed if n))
    growth = difference_of(
        first[deep],
        first[shallow],
        alpha,
        comparison=f"{activation}: depth {deep} - depth {shallow}",
        quantity=_QUANTITY,
        facet=facet,
        family="growth",
    )
    tests.append(growth)
    for name in dict.fromkeys(runs["series"]):
        counts = failures(runs, name)
        half = half_depth(counts)
        tests.append(
            Test(
                comparison=name,
                quantity="L50",
                effect=half,
                unit="layers",
                n_first=sum(count.n for count in counts.values()),
                facet=facet,
                outcome="reached" if math.isfinite(half) else "not reached",
            )
        )

    def conclude(found: Sequence[Test]) -> Verdict:
        contrast = split(found, comparison=f"{activation} - {reference}", depth=deep)[0]
        grows = split(found, family="growth")[0].outcome
        worst, best = first[deep], second[deep]
        verdict = INCONCLUSIVE
        if worst.high < bound or best.low > bound:
            verdict = REFUTED
        elif worst.low > bound and best.high < bound and contrast.outcome == "higher" and grows == "higher":
            verdict = SUPPORTED
        sentence = (
            f"at depth {deep} {activation} fails in {worst} and {reference} in {best}; at depth {shallow} they fail in "
            f"{first[shallow]} and {second[shallow]}{_alike(evidence, alike, deep)}; half of the runs fail: "
            f"{_half(first, activation)}, {_half(second, reference)}{evidence.where}"
        )
        if verdict == INCONCLUSIVE:
            sentence += f"; open: {_open(worst, best, contrast, grows, bound, (activation, reference))}"
            if contrast.seeds_needed:
                sentence += f"; about {contrast.seeds_needed} seeds per arm would tell, if these are the true shares"
        return Verdict.of(verdict, sentence, contrast, n=sum(test.n for test in tests[: len(depths)]))

    return Findings(tests, conclude)


def half_depth(counts: Mapping[int, Count]) -> float:
    """L50, the depth at which half of the runs fail: interpolated over log depth where shares never fall with depth.

    Args:
        counts: by depth, ascending; at least one.

    Returns:
        the shallowest depth if half fail there already, infinity if half fail at none.
    """
    depths = np.array(list(counts), dtype=np.float64)
    weights = np.array([count.n for count in counts.values()], dtype=np.float64)
    shares = isotonic_regression([count.fraction for count in counts.values()], weights=weights).x
    if shares[-1] < 0.5:
        return float("inf")
    i = int(np.argmax(shares >= 0.5))
    if i == 0:
        return float(depths[0])
    part = (0.5 - shares[i - 1]) / (shares[i] - shares[i - 1])
    return float(np.exp(np.interp(part, [0, 1], np.log(depths[i - 1 : i + 1]))))


def _half(counts: Mapping[int, Count], name: str) -> str:
    at = half_depth(counts)
    if at == float("inf"):
        return f"{name} at no depth tried"
    if at == min(counts):
        return f"{name} from depth {number(at)} or less"
    deeper = [depth for depth in counts if depth >= at]
    return f"{name} between depths {max(depth for depth in counts if depth < at)} and {min(deeper)}"


def _alike(evidence: Evidence, names: Sequence[str], depth: int) -> str:
    """How often others of the same shape fail at a depth, as far as the study has them."""
    found = []
    for name in names:
        series = evidence.series(name)
        counts = {} if series is None else failures(evidence.runs_of(), series)
        if depth in counts:
            found.append(f"{series}, S-shaped too, fails in {counts[depth]}")
    return f" ({'; '.join(found)} at depth {depth})" if found else ""


def _open(worst: Count, best: Count, contrast: Test, grows: str, bound: float, names: tuple[str, str]) -> str:
    limit = f"{100 * bound:.0f}%"
    reasons = [
        *[f"whether {names[0]} fails in more than {limit} of runs"] * (worst.low <= bound),
        *[f"whether {names[1]} fails in fewer than {limit} of runs"] * (best.high >= bound),
        *["whether the two differ"] * (contrast.outcome != "higher"),
        *[f"whether {names[0]} fails more at larger depth"] * (grows != "higher"),
    ]
    return ", ".join(reasons)
