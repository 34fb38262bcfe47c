"""C1: deep networks could not be trained with sigmoid-like activations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from whyrelu.claims.comparison import MOST_SEEDS, split
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.proportions import Count, difference_of, failures, share_of
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import number
from whyrelu.statistics.proportions import Half, half_position, seeds_to_tell

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
    named: dict[str, Any] = {"quantity": _QUANTITY, "facet": facet}
    pair = f"{activation} - {reference}"
    tests = [
        difference_of(first[depth], second[depth], alpha, comparison=pair, depth=depth, **named) for depth in depths
    ]
    grown = f"{activation}: depth {deep} - depth {shallow}"
    tests.append(difference_of(first[deep], first[shallow], alpha, comparison=grown, family="growth", **named))
    for name, counts in zip(names, (first, second), strict=True):
        share = share_of(counts[deep], bound, comparison=name, depth=deep, **named)
        needed = seeds_to_tell(counts[deep].fraction, bound, MOST_SEEDS)
        tests.append(dataclasses.replace(share, seeds_needed=needed if share.outcome == INCONCLUSIVE else None))
    for name in dict.fromkeys(runs["series"]):
        counts = failures(runs, name)
        half = _half(counts).position
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
        contrast = split(found, comparison=pair, depth=deep)[0]
        growth = split(found, family="growth")[0]
        worst, best = (split(found, comparison=name, quantity=_QUANTITY)[0] for name in names)
        # what has to hold, with the test that says whether it does; the first that is open stands for an open claim
        limit = f"{100 * bound:.0f}%"
        needs = [
            (worst, "above", f"whether {activation} fails in more than {limit} of runs"),
            (best, "below", f"whether {reference} fails in fewer than {limit} of runs"),
            (contrast, "higher", "whether the two differ"),
            (growth, "higher", f"whether {activation} fails more at larger depth"),
        ]
        missing = [(test, question) for test, wanted, question in needs if test.outcome != wanted]
        verdict, main = (INCONCLUSIVE, missing[0][0]) if missing else (SUPPORTED, contrast)
        if worst.outcome == "below" or best.outcome == "above":
            verdict, main = REFUTED, worst if worst.outcome == "below" else best
        sentence = (
            f"at depth {deep} {activation} fails in {first[deep]} and {reference} in {second[deep]}; "
            f"at depth {shallow} they fail in {first[shallow]} and {second[shallow]}{_alike(evidence, alike, deep)}; "
            f"half of the runs fail: {_half_text(first, activation)}, {_half_text(second, reference)}{evidence.where}"
        )
        if verdict == INCONCLUSIVE:
            sentence += f"; open: {', '.join(question for _, question in missing)}"
            if seeds := [test.seeds_needed for test, _ in missing if test.seeds_needed]:
                sentence += f"; about {max(seeds)} seeds per arm would tell the shares, if these are the true ones"
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in split(found, comparison=pair)))

    return Findings(tests, conclude)


def _half(counts: Mapping[int, Count]) -> Half:
    """L50, the depth at which half of the runs fail, from counts by depth, ascending."""
    return half_position([count.successes for count in counts.values()], [c.n for c in counts.values()], list(counts))


def _half_text(counts: Mapping[int, Count], name: str) -> str:
    half = _half(counts)
    if half.upto is None:
        return f"{name} at no depth tried"
    if half.above is None:
        return f"{name} from depth {number(half.upto)} or less"
    return f"{name} between depths {number(half.above)} and {number(half.upto)}"


def _alike(evidence: Evidence, names: Sequence[str], depth: int) -> str:
    """How often others of the same shape fail at a depth, as far as the study has them."""
    found = []
    for name in names:
        series = evidence.series(name)
        counts = {} if series is None else failures(evidence.runs_of(), series)
        if depth in counts:
            found.append(f"{series}, S-shaped too, fails in {counts[depth]}")
    return f" ({'; '.join(found)} at depth {depth})" if found else ""
