"""The ledger of claims: its rows, what is told of each claim below it, and the answer in one sentence."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whyrelu.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED, VERDICTS
from whyrelu.report.study import Study
from whyrelu.report.text import at_depths, estimate, listing, plural, probability, sentence, tenths
from whyrelu.results.labels import PAIR

# Verdicts are told apart without colour.
MARKS = {SUPPORTED: "✓", REFUTED: "✗", INCONCLUSIVE: "?", NOT_TESTED: "○"}
# The name of the figure of the claim that compares accuracies, and what its tests are about.
DIFFERENCES = "differences"
ACCURACY = "test accuracy"
# A reason in the ledger is the beginning of the evidence, up to about so many characters.
_REASON = 200
# A command with a longer word stands below the ledger.
_WORD = 36
_RELATIONS = {
    "better": "is better than",
    "worse": "is worse than",
    "equivalent": "is as good as",
    INCONCLUSIVE: "cannot be told apart from",
}


@dataclass(frozen=True)
class Row:
    """One claim on the page.

    Attributes:
        id: of the claim.
        anchor: of what is told of it below the ledger.
        claim: what the article says.
        verdict: one of `whyrelu.claims.verdict.VERDICTS`.
        mark: of the verdict.
        effect: with interval and unit, and what it compares where.
        counts: how many runs, and p after Holm's correction, as far as there are.
        reason: one line.
        figure: its name on this page, empty without one.
        evidence: all of it.
        numbers: the effect and what it is of, n, p and corrected p; empty without an effect.
        hypothesis: what the claim comes to.
        rule: what supports and what refutes it.
        tests: how many tests there are in the tables below.
    """

    id: str
    anchor: str
    claim: str
    verdict: str
    mark: str
    effect: str
    counts: str
    reason: str
    figure: str
    evidence: str
    numbers: str
    hypothesis: str
    rule: str
    tests: int


def ledger_rows(study: Study, figures: list[str]) -> list[Row]:
    """A row per claim, in the order of claims.json.

    Args:
        study: with its claims.
        figures: names of those on the page; no other is linked to.
    """
    counts = study.contrasts["claim"].value_counts()
    return [_row(study, claim, figures, int(counts.get(claim["id"], 0))) for claim in study.claims]


def _row(study: Study, claim: dict[str, Any], figures: list[str], tests: int) -> Row:
    value, low, high, p = (_float(claim[name]) for name in ("effect", "low", "high", "p_adjusted"))
    counts, subject = _counts(claim), _subject(study, claim)
    counts += [] if math.isnan(p) else [f"p {probability(p)}"]
    return Row(
        id=claim["id"],
        anchor=claim["id"].lower(),
        claim=claim["claim"],
        verdict=claim["verdict"],
        mark=MARKS[claim["verdict"]],
        effect=estimate(value, low, high, claim["unit"] or "") + (f" ({subject})" if subject else ""),
        counts=", ".join(counts),
        reason=short_reason(claim["evidence"], claim["verdict"], claim["id"].lower()),
        figure="" if claim["verdict"] == NOT_TESTED else figure_on_page(claim["figure"], figures),
        evidence=sentence(claim["evidence"], study.series),
        numbers=_numbers(study, claim),
        hypothesis=claim["hypothesis"],
        rule=claim["rule"].strip(),
        tests=tests,
    )


def _numbers(study: Study, claim: dict[str, Any]) -> str:
    value, low, high, p, adjusted = (_float(claim[name]) for name in ("effect", "low", "high", "p", "p_adjusted"))
    if math.isnan(value):
        return ""
    of = ", ".join(filter(None, [claim["quantity"], _subject(study, claim)]))
    parts = [estimate(value, low, high, claim["unit"] or "") + (f" ({of})" if of else "")]
    parts += _counts(claim)
    parts += [] if math.isnan(p) else [f"p {probability(p)}, adjusted {probability(adjusted)}"]
    return "; ".join(parts)


def _subject(study: Study, claim: dict[str, Any]) -> str:
    """What an effect compares, and where: comparison, depth, and the setting if not the reference; empty if unsaid."""
    if claim["comparison"] is None:
        return ""
    parts = [claim["comparison"]]
    if claim["depth"] is not None:
        parts.append(f"depth {claim['depth']}")
    elif _has_depths(study.contrasts, claim):
        parts.append("all depths")
    # some comparisons name their setting themselves
    if claim["facet"] not in (None, "", study.reference.label) and "=" not in claim["comparison"]:
        short = next((facet.short for facet in study.facets if facet.label == claim["facet"]), claim["facet"])
        parts.append(f"with {short}")
    return ", ".join(parts)


def _has_depths(contrasts: pd.DataFrame, claim: dict[str, Any]) -> bool:
    """Whether the same was tested at single depths too."""
    same = contrasts["depth"].notna()
    for name, key in (("claim", "id"), ("comparison", "comparison"), ("quantity", "quantity")):
        same &= contrasts[name] == claim[key]
    return bool(same.any())


def _counts(claim: dict[str, Any]) -> list[str]:
    """How many runs the effect is of, and of how many that the verdict rests on; or how many blocks of times."""
    if claim["n"] is None:
        return []
    blocks = " blocks" if claim.get("n_of") == "blocks" else ""
    return [f"n = {claim['n']:,}" + (f" of {claim['runs']:,}" if claim["runs"] is not None else "") + blocks]


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def figure_on_page(name: str | None, figures: list[str]) -> str:
    """The figure of that name, or the first of those that a facet's name is added to; empty if there is none."""
    if name is None:
        return ""
    return next((figure for figure in figures if figure == name or figure.startswith(f"{name}-")), "")


def short_reason(evidence: str, verdict: str, anchor: str) -> str:
    """One line of the evidence: its first clauses without intervals and remarks.

    All of it if nothing was tested, but for a command with long words, which would make the table too wide.

    Args:
        evidence: of the claim.
        verdict: on it.
        anchor: where all of the evidence is.
    """
    if verdict == NOT_TESTED:
        need, _, command = evidence.partition(": `")
        is_wide = any(len(word) > _WORD for word in command.split())
        return f"{need} ([command](#{anchor}))" if is_wide else evidence
    bare = re.sub(r"\s*\([^()]*\)|(?<=[\d%])\s*\[[^\[\]]*\]|\s*\[[^\[\]]*%[^\[\]]*\]", "", evidence)
    first, *others = (re.sub(r":? `.*", "", clause).strip() for clause in bare.split(";"))
    reason = first
    for clause in others:
        if len(reason) + len(clause) > _REASON:
            break
        reason += f"; {clause}"
    return reason


def counts_sentence(study: Study) -> str:
    """How many claims came out how, and which."""
    found = {verdict: [claim["id"] for claim in study.claims if claim["verdict"] == verdict] for verdict in VERDICTS}
    parts = [
        f"{MARKS[verdict]} **{len(ids)} {verdict}** ({', '.join(f'[{name}](#{name.lower()})' for name in ids)})"
        for verdict, ids in found.items()
        if ids
    ]
    return f"Of {plural(len(study.claims), 'claim')}: {'; '.join(parts)}."


def accuracy_tests(study: Study) -> pd.DataFrame:
    """The rows of contrasts.parquet that compare test accuracies in the reference facet; none if no claim does."""
    owners = [claim["id"] for claim in study.claims if claim["figure"] == DIFFERENCES]
    contrasts = study.contrasts
    chosen: pd.Series = (
        contrasts["claim"].isin(owners)
        & (contrasts["quantity"] == ACCURACY)
        & (contrasts["facet"] == study.reference.label)
        & contrasts["comparison"].str.contains(" - ", regex=False)
    )
    return contrasts[chosen].reset_index(drop=True)


def headline(study: Study) -> str:
    """What the comparison of accuracies came out as, in one sentence; empty if no claim compares any."""
    tests = accuracy_tests(study)
    pairs = [str(name) for name in tests["comparison"].unique()]
    if not pairs:
        return ""
    main = " - ".join(PAIR) if " - ".join(PAIR) in pairs else pairs[0]
    first = main.split(" - ")[0]
    said = [_comparison(tests[tests["comparison"] == main], first)]
    rivals, unsettled = [], []
    for pair in pairs:
        own = tests[(tests["comparison"] == pair) & tests["depth"].notna()]
        if pair == main or not pair.startswith(f"{first} - "):
            continue
        if (tests.loc[tests["comparison"] == pair, "outcome"] == "worse").any():
            rivals.append(pair)
        elif not (own["outcome"] == "better").any():
            unsettled.append(pair.split(" - ", 1)[1])
    said += [_worse(tests[tests["comparison"] == pair], first) for pair in rivals]
    if unsettled:
        said.append(f"{listing(unsettled)} cannot be told apart from {first}")
    where = f"With {study.reference.label}, " if study.reference.label else ""
    text = "; ".join(said)
    return f"{where}{text}."


def _comparison(tests: pd.DataFrame, first: str) -> str:
    second = str(tests["comparison"].iloc[0]).split(" - ", 1)[1]
    by_depth = tests[tests["depth"].notna()].sort_values("depth")
    tried = [int(depth) for depth in by_depth["depth"]]
    clauses = []
    for outcome, relation in _RELATIONS.items():
        depths = [int(depth) for depth in by_depth.loc[by_depth["outcome"] == outcome, "depth"]]
        if depths:
            where = at_depths(depths, tried)
            where = where.replace("every", "any") if outcome == INCONCLUSIVE else where
            clauses.append(f"{relation} {second} {where}")
    return f"{first} {listing(clauses)}{_size(tests, by_depth)}"


def _size(tests: pd.DataFrame, by_depth: pd.DataFrame) -> str:
    """The pooled difference, or that of the only depth, as the end of a sentence; and what would settle it."""
    row = tests.iloc[-1]
    over = " on average over depths" if pd.isna(row["depth"]) else ""
    interval = "" if pd.isna(row["low"]) else f" [{tenths(row['low'])}, {tenths(row['high'])}]"
    n = int(row["n_first"]) + int(row["n_second"])
    needed = by_depth.loc[by_depth["outcome"] == INCONCLUSIVE, "seeds_needed"].dropna()
    advice = f"; about {int(needed.max())} seeds per arm would settle it" if len(needed) else ""
    clear = by_depth["outcome"].isin(["better", "worse"]).any()
    verb = ", by" if clear else ": the difference is"
    return f"{verb} {tenths(row['effect'])}{interval} points of test accuracy{over} (n = {n}{advice})"


def _worse(tests: pd.DataFrame, first: str) -> str:
    second = str(tests["comparison"].iloc[0]).split(" - ", 1)[1]
    worse = tests[tests["depth"].notna() & (tests["outcome"] == "worse")].sort_values("depth")
    pooled = worse.empty
    chosen = tests[tests["depth"].isna()] if pooled else worse
    where = "over all depths together" if pooled else at_depths([int(depth) for depth in worse["depth"]])
    sizes = listing(
        [
            f"{tenths(-row['effect'])} [{tenths(-row['high'])}, {tenths(-row['low'])}]"
            for row in chosen.to_dict("records")
        ]
    )
    though = ", though at no single depth by the same rule" if pooled else ""
    return f"{second} is better than {first} {where}, by {sizes} points{though}"
