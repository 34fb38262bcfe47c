"""C12: saturation is what hampers deep networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from whyrelu.claims.comparison import clearest, split
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.proportions import Count, difference_of, failures, share_of
from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Findings, Test, Verdict, not_tested
from whyrelu.claims.words import listed, percent

_QUANTITY = "failed runs where {} fails"


class _Cell(NamedTuple):
    facet: str
    depth: int

    def told(self, reference: str) -> str:
        """The cell in words, as far as its facet is not as the reference."""
        usual = set(reference.split(", "))
        own = ", ".join(part for part in self.facet.split(", ") if part and part not in usual)
        return f"depth {self.depth}" + (f" with {own}" if own else "")


def decide(
    evidence: Evidence, activation: str, same_saturation: str, same_slope: str, bound: float, alpha: float
) -> Findings:
    """Look at every depth and setting at which an activation fails: do its variants fail there too?

    Args:
        evidence: of the study; all its facets.
        activation: that fails.
        same_saturation: a variant that saturates at the same places with a larger slope; it decides.
        same_slope: a variant with the same slopes around another mean; it is told beside.
        bound: most runs fail above this share, few below.
        alpha: level of Barnard's tests.
    """
    command = "dvc exp run -S study=mechanisms"
    arms = (same_saturation, same_slope)
    known = set(evidence.runs["series"])
    if activation not in known or same_saturation not in known:
        return not_tested(f"runs of {activation} and {same_saturation} where {activation} fails", command)
    counts: dict[str, dict[_Cell, Count]] = {name: {} for name in (activation, *arms)}
    for facet in evidence.facets:
        for name, cells in counts.items():
            cells |= {_Cell(facet, depth): count for depth, count in failures(evidence.runs_of(facet), name).items()}
    failing = [cell for cell, count in counts[activation].items() if count.low > bound]
    tested = [cell for cell in failing if cell in counts[same_saturation]]
    if not tested:
        need = f"a depth at which {activation} surely fails, with runs of {same_saturation}"
        return not_tested(need, command)
    tests = [
        difference_of(
            counts[arm][cell],
            counts[activation][cell],
            alpha,
            comparison=f"{arm} - {activation}",
            quantity=_QUANTITY.format(activation),
            depth=cell.depth,
            facet=cell.facet,
            family="" if arm == same_saturation else "others",
        )
        for arm in arms
        for cell in failing
        if cell in counts[arm]
    ]
    tests += [
        share_of(
            counts[same_saturation][cell],
            bound,
            comparison=same_saturation,
            quantity=_QUANTITY.format(activation),
            depth=cell.depth,
            facet=cell.facet,
        )
        for cell in tested
    ]

    def conclude(found: Sequence[Test]) -> Verdict:
        outcomes = {arm: _outcomes(found, arm, activation, counts[arm], bound) for arm in arms}
        deciding = outcomes[same_saturation]
        verdict = INCONCLUSIVE
        if "learns" in deciding.values():
            verdict = REFUTED
        # what was not run in some such setting may learn there
        elif set(deciding.values()) == {"fails"} and set(deciding) == set(failing):
            verdict = SUPPORTED
        parts = [_sentence(arm, outcomes[arm], counts[arm], evidence.reference) for arm in arms if outcomes[arm]]
        where = listed(_told(cell, counts[activation], evidence.reference) for cell in failing)
        sentence = f"where {activation} fails ({where}), {'; '.join(parts)}"
        sentence += _settings(evidence, activation, bound)
        sentence += _saturation(evidence, activation, failing)
        if verdict == INCONCLUSIVE and (unknown := [cell for cell in failing if cell not in deciding]):
            sentence += f"; open: {same_saturation} at {listed(cell.told(evidence.reference) for cell in unknown)}"
        own = split(found, comparison=f"{same_saturation} - {activation}")
        shares = split(found, comparison=same_saturation)
        if verdict == REFUTED:
            main = clearest([test for test in own if deciding[_Cell(test.facet, test.depth or 0)] == "learns"])
        else:
            main = min(shares, key=lambda test: test.low)
        return Verdict.of(verdict, sentence, main, runs=sum(test.n for test in own))

    return Findings(tests, conclude)


def _told(cell: _Cell, counts: dict[_Cell, Count], reference: str) -> str:
    return f"{counts[cell].successes} of {counts[cell].n} runs at {cell.told(reference)}"


def _outcomes(
    found: Sequence[Test], arm: str, activation: str, counts: dict[_Cell, Count], bound: float
) -> dict[_Cell, str]:
    """By cell: "learns", "fails" or "unclear"."""
    outcomes = {}
    for test in split(found, comparison=f"{arm} - {activation}"):
        cell = _Cell(test.facet, test.depth or 0)
        if test.outcome == "lower" and counts[cell].high < bound:
            outcomes[cell] = "learns"
        else:
            outcomes[cell] = "fails" if counts[cell].low > bound else "unclear"
    return outcomes


def _sentence(arm: str, outcomes: dict[_Cell, str], counts: dict[_Cell, Count], reference: str) -> str:
    words = {"learns": "learns", "fails": "fails too", "unclear": "is in between"}
    parts = []
    for outcome, word in words.items():
        if cells := [cell for cell, own in outcomes.items() if own == outcome]:
            told = listed(_told(cell, counts, reference) for cell in cells)
            parts.append(f"{word} in {len(cells)} of {len(outcomes)} such settings (fails in {told})")
    return f"{arm} {listed(parts)}"


def _settings(evidence: Evidence, activation: str, bound: float) -> str:
    """What other settings make of an activation at a depth at which it fails in the reference facet."""
    reference = failures(evidence.runs_of(), activation)
    outcomes: dict[str, list[str]] = {"learns": [], "is in between": [], "still fails": []}
    for facet in (facet for facet in evidence.facets if facet != evidence.reference):
        for depth, count in failures(evidence.runs_of(facet), activation).items():
            if depth in reference and reference[depth].low > bound:
                word = "learns" if count.high < bound else "still fails" if count.low > bound else "is in between"
                outcomes[word].append(_told(_Cell(facet, depth), {_Cell(facet, depth): count}, evidence.reference))
    parts = [f"{word} (fails in {listed(cells)})" for word, cells in outcomes.items() if cells]
    return f"; {activation} itself, in other settings of these depths, {listed(parts)}" if parts else ""


def _saturation(evidence: Evidence, activation: str, failing: Sequence[_Cell]) -> str:
    """How many units are saturated at init in the runs that fail, where that was measured."""
    layers = evidence.layers
    rows = layers[(layers["series"] == activation) & (layers["epoch"] == 0)]
    cells = {(cell.facet, cell.depth) for cell in failing}
    chosen = [(facet, depth) in cells for facet, depth in zip(rows["facet"], rows["depth"], strict=True)]
    values = rows.loc[chosen, "saturated"].dropna()
    if values.empty:
        return ""
    return f"; of the units of {activation} {percent(float(values.mean()))} are saturated there at init"
