"""The index of all studies, reports/README.md: their verdicts side by side, and where they disagree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from whyrelu.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED
from whyrelu.report.ledger import MARKS
from whyrelu.report.provenance import seeds_text
from whyrelu.report.templating import markdown_environment
from whyrelu.report.text import MISSING, estimate, listing, plural
from whyrelu.results.files import read_json, write_bytes
from whyrelu.results.given_rates import TUNED
from whyrelu.results.labels import value_text

# The figure that stands for a report, the first of these that it has.
_HEADLINES = ("accuracy", "throughput")
_DECIDED = (SUPPORTED, REFUTED)


@dataclass(frozen=True)
class Entry:
    """One study of the index.

    Attributes:
        name: of the study, and of its folder below reports/.
        data: names of its data sets.
        claims: entries of claims.json by their id.
        facts: provenance.json.
        summary: what its report says first.
        figure: path of its headline figure, relative to the index; empty if there is none.
    """

    name: str
    data: tuple[str, ...]
    claims: dict[str, dict[str, Any]]
    facts: dict[str, Any]
    summary: str
    figure: str

    @property
    def varied(self) -> int:
        """How many factors beside activation and depth were varied; 0 if the tables do not say so."""
        return len(self.facts.get("varied", []))

    @property
    def rates(self) -> str:
        """How learning rates were given; empty if the tables do not say so. Claims are decided with tuned ones."""
        given = [str(way) for way in self.facts.get("given_lr", [])]
        untuned = [way for way in given if way != TUNED]
        if TUNED in given:
            return f"{TUNED}, beside lr={listing(untuned)}" if untuned else TUNED
        return f"lr={listing(untuned)} untuned" if untuned else ""

    @property
    def decided(self) -> int:
        """How many claims are supported or refuted here."""
        return sum(self.verdict(claim) in _DECIDED for claim in self.claims)

    def verdict(self, claim: str) -> str:
        """What a claim came out as here."""
        return str(self.claims[claim]["verdict"]) if claim in self.claims else NOT_TESTED


def write_index(results: Path, reports: Path) -> Path:
    """Write reports/README.md from claims.json and provenance.json of each study that has a report.

    Args:
        results: results/, with a folder per study.
        reports: reports/, likewise.

    Returns:
        path of the index.

    Raises:
        UserError: a table is damaged.
    """
    pages = sorted(path.parent for path in reports.glob("*/README.md"))
    entries = [_entry(results / page.name, page) for page in pages if (results / page.name / "claims.json").is_file()]
    # the same data side by side, and there the plainest grid first, then the studies with the most seeds and decisions
    entries.sort(key=lambda entry: (entry.data, entry.varied, -len(entry.facts["seeds"]), -entry.decided, entry.name))
    named = {entry.name for entry in entries}
    others = [_other(page) for page in pages if page.name not in named]
    environment = markdown_environment()
    claims = _claims(entries)
    text = environment.get_template("index.md.jinja").render(
        answers=answer_sentences(entries, claims),
        shared=_data(entries[0]) if len(entries) > 1 and len({entry.data for entry in entries}) == 1 else "",
        entries=entries,
        rows=[_row(claim, text, entries) for claim, text in claims.items()],
        disagreements=disagreement_sentences(entries, claims),
        studies=[(entry, _facts(entry)) for entry in entries],
        others=others,
    )
    path = reports / "README.md"
    write_bytes(text.encode(), path)
    return path


def answer_sentences(entries: list[Entry], claims: dict[str, str]) -> list[str]:
    """What all studies together say of the claims, one line per outcome."""
    groups: dict[str, list[str]] = {"supported": [], "refuted": [], "undecided": [], "split": []}
    for claim in claims:
        verdicts = {entry.verdict(claim) for entry in entries}
        decided = [verdict for verdict in _DECIDED if verdict in verdicts]
        groups["split" if len(decided) == 2 else decided[0] if decided else "undecided"].append(claim)
    words = {
        "supported": f"{MARKS[SUPPORTED]} **supported, and refuted by no study**",
        "refuted": f"{MARKS[REFUTED]} **refuted, and supported by no study**",
        "split": "⇄ **supported by one study and refuted by another**",
        "undecided": f"{MARKS[INCONCLUSIVE]} **decided by none**",
    }
    return [
        f"{words[group]} ({len(groups[group])}): "
        + "; ".join(f"{claims[claim].rstrip('.')} ([{claim}](#{claim.lower()}))" for claim in groups[group])
        + "."
        for group in words
        if groups[group]
    ]


def disagreement_sentences(entries: list[Entry], claims: dict[str, str]) -> dict[str, list[str]]:
    """Claims on which studies disagree, strongest disagreement first.

    Returns:
        "contradicted": supported in one study and refuted in another; "unsettled": decided in one and inconclusive in
        another. Each sentence names the data of every study, and says whether data can be why.
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
        said = ", ".join(f"{verdict} in {listing([_named(entry) for entry in those])}" for verdict, those in sides)
        found[kind].append(f"[{claim}](#{claim.lower()}) {text.rstrip('.')}: {said}. {_why(sides)}")
    return found


def _why(sides: list[tuple[str, list[Entry]]]) -> str:
    """Whether the verdicts differ on the same data, or between data sets only."""
    same: set[str] = set()
    across: set[str] = set()
    for (_, left), (_, right) in combinations(sides, 2):
        for one in left:
            for other in right:
                if set(one.data) & set(other.data):
                    same |= set(one.data) & set(other.data)
                else:
                    across |= {_data(one), _data(other)}
    if same and across:
        return f"Studies on {listing(sorted(across))} differ, and so do studies on the same data ({_list(same)})."
    if across:
        return f"Here {listing(sorted(across))} disagree."
    return f"The data is the same ({_list(same)}): it is settings, or seeds, that differ."


def _list(names: set[str]) -> str:
    return listing(sorted(names))


def _data(entry: Entry) -> str:
    return listing(entry.data)


def _named(entry: Entry) -> str:
    return entry.name if entry.data == (entry.name,) else f"{entry.name} ({_data(entry)})"


def _claims(entries: list[Entry]) -> dict[str, str]:
    """What the article says, by the id of the claim, in the order of the numbers in the ids."""
    texts = {claim: str(found["claim"]) for entry in reversed(entries) for claim, found in entry.claims.items()}
    return {claim: texts[claim] for claim in sorted(texts, key=lambda name: (len(name), name))}


def _row(claim: str, text: str, entries: list[Entry]) -> dict[str, Any]:
    units = {entry.claims[claim]["unit"] for entry in entries if claim in entry.claims} - {None}
    unit = str(units.pop()) if len(units) == 1 else ""
    tested = next((entry.name for entry in entries if entry.verdict(claim) != NOT_TESTED), entries[0].name)
    return {
        "id": claim,
        "anchor": claim.lower(),
        "text": text.replace("|", "\\|"),
        "link": f"{tested}/README.md#{claim.lower()}",
        "unit": unit,
        "cells": [_cell(entry, claim, unit) for entry in entries],
    }


def _cell(entry: Entry, claim: str, unit: str) -> str:
    """Verdict, linked, with effect and interval below it; a hyphen where it was not tested."""
    verdict = entry.verdict(claim)
    if verdict == NOT_TESTED:
        return MISSING
    found = entry.claims[claim]
    value, low, high = (float("nan") if found[key] is None else float(found[key]) for key in ("effect", "low", "high"))
    # the unit stands beside the claim unless studies differ in it; points have a rounding of their own
    size = estimate(value, low, high, found["unit"] or "")
    size = size.removesuffix(f" {unit}") if unit else size
    below = "" if size == MISSING else f"<br>{size}"
    return f"[{MARKS[verdict]} {verdict}]({entry.name}/README.md#{claim.lower()}){below}"


def _entry(results: Path, page: Path) -> Entry:
    facts = read_json(results / "provenance.json")
    return Entry(
        name=page.name,
        data=tuple(sorted(data["name"] for data in facts["data"])),
        claims={found["id"]: found for found in read_json(results / "claims.json")},
        facts=facts,
        summary=_first_words(page),
        figure=_figure(page),
    )


def _facts(entry: Entry) -> list[tuple[str, str]]:
    """Label and text of what a study was made of."""
    facts = entry.facts
    data = "; ".join(
        f"{found['name']}, {found['train']:,} training, {found['validation']:,} validation and {found['test']:,} test "
        f"images of {' x '.join(str(side) for side in found['shape'])}"
        + (f" ({found['note']})" if found.get("note") else "")
        for found in facts["data"]
    )
    counts = {
        verdict: sum(found["verdict"] == verdict for found in entry.claims.values())
        for verdict in (SUPPORTED, REFUTED, INCONCLUSIVE, NOT_TESTED)
    }
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    versions = listing([value_text(version) for version in facts["code_version"]])
    return [
        ("data", data),
        (
            "runs",
            f"{plural(facts['runs'], 'run')}, {plural(len(facts['seeds']), 'seed')} ({seeds_text(facts['seeds'])})",
        ),
        ("claims", verdicts),
        ("code", f"version {versions} of what training executes; commit: `git log -1 -- results/{entry.name}`"),
    ]


def _other(page: Path) -> dict[str, str]:
    """A report without claims."""
    title = re.search(r"^# (.+)$", (page / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {
        "name": page.name,
        "title": title[1] if title else page.name,
        "summary": _first_words(page),
        "figure": _figure(page),
    }


def _first_words(page: Path) -> str:
    """What is in bold at the beginning of a report, or its first sentence; links lead there from the index."""
    blocks = (page / "README.md").read_text(encoding="utf-8").split("\n\n")
    paragraph = next((" ".join(block.split()) for block in blocks if not block.startswith("#")), "")
    bold = re.match(r"\*\*(.+?)\*\*", paragraph)
    text = bold[1] if bold else re.split(r"(?<=[.;]) (?=[A-Z])", paragraph)[0]
    return re.sub(r"\]\(#", f"]({page.name}/README.md#", text)


def _figure(page: Path) -> str:
    names = sorted(path.stem for path in (page / "figures").glob("*.svg"))
    chosen = next((name for name in _HEADLINES if name in names), names[0] if names else "")
    return f"{page.name}/figures/{chosen}.svg" if chosen else ""
