"""The index of all studies, reports/README.md: their verdicts side by side, and where they disagree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from whyrelu.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED
from whyrelu.files import write_bytes
from whyrelu.report.index.disagreements import disagreement_sentences
from whyrelu.report.index.entries import DECIDED, Entry, first_words, headline_figure, read_entry
from whyrelu.report.ledger import MARKS
from whyrelu.report.provenance import seeds_text
from whyrelu.report.templating import markdown_environment
from whyrelu.report.text import MISSING, estimate, listing, plural
from whyrelu.results.labels import value_text


def write_index(results: Path, reports: Path) -> Path:
    """Write reports/README.md from claims.json, cells.parquet and provenance.json of each study that has a report.

    Args:
        results: results/, with a folder per study.
        reports: reports/, likewise.

    Returns:
        path of the index.

    Raises:
        UserError: a table is damaged.
    """
    pages = sorted(path.parent for path in reports.glob("*/README.md"))
    entries = [
        read_entry(results / page.name, page) for page in pages if (results / page.name / "claims.json").is_file()
    ]
    # the same data side by side, and there the plainest grid first, then the studies with the most seeds and decisions
    entries.sort(key=lambda entry: (entry.data, entry.varied, -len(entry.facts["seeds"]), -entry.decided, entry.name))
    named = {entry.name for entry in entries}
    others = [_other(page) for page in pages if page.name not in named]
    environment = markdown_environment()
    claims = _claims(entries)
    text = environment.get_template("index.md.jinja").render(
        answers=answer_sentences(entries, claims),
        shared=listing(entries[0].data) if len(entries) > 1 and len({entry.data for entry in entries}) == 1 else "",
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
        decided = [verdict for verdict in DECIDED if verdict in verdicts]
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
        "summary": first_words(page),
        "figure": headline_figure(page),
    }
