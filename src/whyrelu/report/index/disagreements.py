"""Where studies disagree on a claim, and what tells the two sides apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

from whyrelu.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED
from whyrelu.report.index.entries import COUNTS, DECIDED, Entry, rests_on_times
from whyrelu.report.text import listing

_Side = tuple[str, list[Entry]]


def disagreement_sentences(entries: Sequence[Entry], claims: dict[str, str]) -> dict[str, list[str]]:
    """Claims on which studies disagree, in their order.

    Returns:
        "contradicted": supported in one study and refuted in another; "unsettled": decided in one and inconclusive in
        another. Each sentence names the data of every study, says whether data can be why, and which settings no study
        of one side shares with one of the other.
    """
    found: dict[str, list[str]] = {"contradicted": [], "unsettled": []}
    for claim, text in claims.items():
        by_verdict = {
            verdict: [entry for entry in entries if entry.verdict(claim) == verdict]
            for verdict in (SUPPORTED, REFUTED, INCONCLUSIVE)
        }
        sides = [(verdict, those) for verdict, those in by_verdict.items() if those]
        if len(sides) < 2:
            continue
        kind = "contradicted" if by_verdict[SUPPORTED] and by_verdict[REFUTED] else "unsettled"
        opposed = [side for side in sides if side[0] in DECIDED] if kind == "contradicted" else sides
        said = ", ".join(f"{verdict} in {listing([_named(entry) for entry in those])}" for verdict, those in sides)
        why = f"{_data_sentence(claim, sides)} {_apart(claim, opposed)}"
        found[kind].append(f"[{claim}](#{claim.lower()}) {text.rstrip('.')}: {said}. {why}")
    return found


def _data_sentence(claim: str, sides: Sequence[_Side]) -> str:
    """Whether the verdicts differ on the same data, or between data sets only."""
    same: set[str] = set()
    across: set[str] = set()
    for (_, left), (_, right) in combinations(sides, 2):
        for one, other in product(left, right):
            shared = set(_data(claim, one)) & set(_data(claim, other))
            same |= shared
            across |= set() if shared else {listing(_data(claim, one)), listing(_data(claim, other))}
    if same and across:
        return f"Studies on {_list(across)} differ, and so do studies on the same data ({_list(same)})."
    if across:
        return f"Here {_list(across)} disagree."
    return f"The data is the same ({_list(same)})."


def _data(claim: str, entry: Entry) -> tuple[str, ...]:
    """The data sets of which a claim was decided."""
    own = entry.settings.get(claim, {}).get("data")
    return (own,) if own else entry.data


def _apart(claim: str, sides: Sequence[_Side]) -> str:
    """The settings in which every study of one side differs from every study of the other, beside the data.

    Args:
        claim: its id.
        sides: two.
    """
    if any(rests_on_times(entry.claims[claim]) for _, those in sides for entry in those):
        return "A time is of one machine, and of the nets that were timed on it."
    left, right = ([entry.settings[claim] for entry in those] for _, those in sides)
    shared = [name for name in left[0] if all(name in known for known in [*left, *right])]
    names = [
        name for name in shared if _differ(name, {known[name] for known in left}, {known[name] for known in right})
    ]
    others = [name for name in names if name != "data"]
    if not others:
        return f"{'Beside the data, no' if names else 'No'} single setting that all of them record tells the two apart."
    told = [
        f"{verdict} with {listing([_values(name, known) for name in others])}"
        for (verdict, _), known in zip(sides, (left, right), strict=True)
    ]
    return f"{told[0][0].upper()}{told[0][1:]}, {told[1]}."


def _differ(name: str, left: set[str], right: set[str]) -> bool:
    """Whether two sides have no value in common, and of a count one side has less than the other."""
    if name not in COUNTS:
        return not left & right
    sides = [[int(count) for count in counts] for counts in (left, right)]
    return max(sides[0]) < min(sides[1]) or max(sides[1]) < min(sides[0])


def _values(name: str, known: Sequence[dict[str, str]]) -> str:
    found = {settings[name] for settings in known}
    if name in COUNTS:
        counts = sorted(int(count) for count in found)
        return f"{listing([f'{count:,}' for count in counts], 'or')} {name}{'' if counts == [1] else 's'}"
    # 8 before 16
    values = sorted(found, key=lambda text: (len(text), text))
    return f"{name}={listing(values, 'or')}"


def _list(names: set[str]) -> str:
    return listing(sorted(names))


def _named(entry: Entry) -> str:
    return entry.name if entry.data == (entry.name,) else f"{entry.name} ({listing(entry.data)})"
