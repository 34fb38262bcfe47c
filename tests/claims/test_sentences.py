"""One sentence per claim, whatever the verdict: whole, and with no number that is not in the rows."""

import itertools
import re
from typing import Any

import pytest

from whyrelu.claims.declaration import Claim, Part, read_claims
from whyrelu.claims.ledger import BY_DEFINITION, NOT_TESTED, OUTCOMES, verdict
from whyrelu.report.templating import environment_of

TEMPLATE: Any = environment_of().get_template("sentences.md.jinja").module
CLAIMS = {claim.id: claim for claim in read_claims()}
OWN = Claim("X1", "Mine.", None, (), {key: Part(f"It is {key}", {"above": 0}, lambda _: []) for key in "ab"})
YES, NO, OPEN = ((name,) * 3 for name in OUTCOMES)
MIXED = [(OUTCOMES[0], OUTCOMES[0], OUTCOMES[1]), (OUTCOMES[0], OUTCOMES[2], OUTCOMES[2]), (OUTCOMES[1], OUTCOMES[2])]
# What two quantities that by-definition claims tell beside are called.
BESIDE = ("units saturated at initialisation", "gradient of saturated units relative to others")
# Numbers that are in the claim, and not measured.
DECLARED = {"1.2", "30", "70", "8", "16", "5", "1", "0.9", "85", "90", "95", "0", "-4.36", "4.36", "4"}
# In how many settings, or runs.
COUNTS = (
    r"in (all|none|\d) of \d settings(, (less|as) accurate in \d)?(, [a-z5% ]+ in \d)?(, with \d open)?"
    r"|\(\d+ of \d+ runs learn\)"
)


def sentence(claim: Claim, outcomes: dict[str, tuple[str, ...]]) -> str:
    """What is said if the parts have these outcomes, the estimates of part a being 0.321 and of others 0.654."""
    parts: dict[str, Any] = {}
    rows = []
    for key, part in claim.parts.items():
        own = outcomes[key]
        counts = {name: own.count(name) if part.rule else 0 for name in OUTCOMES}
        whole = (
            NOT_TESTED if not any(counts.values()) else "supported" if len(set(own)) == 1 and counts["supports"] else ""
        )
        parts[key] = {
            "says": part.says,
            "verdict": whole or ("partly" if counts["supports"] else "not supported"),
            **counts,
        }
        estimate = 0.321 if key == "a" else 0.654
        for name, quantity, init in itertools.product(own, BESIDE, ("xavier", "edge")):
            row = {"part": key, "init": init, "quantity": quantity, "outcome": name if part.rule else ""}
            row |= {"setting": "depth 4 to 8", "comparison": "relu", "depth": 8.0, "n": 1000}
            row |= {"share_first": 1.0, "share_second": 1.0}
            rows.append(row | dict.fromkeys(("estimate", "low", "high", "first", "second"), estimate))
    found = BY_DEFINITION if claim.definition else verdict(part["verdict"] for part in parts.values())
    entry = {"id": claim.id, "claim": claim.claim, "verdict": found, "definition": claim.definition, "parts": parts}
    return str(TEMPLATE.sentence(entry, rows))


@pytest.mark.parametrize("claim", [*CLAIMS.values(), OWN], ids=lambda claim: claim.id)
def test_every_verdict_has_a_whole_sentence_with_the_numbers_of_its_rows(claim: Claim) -> None:
    answers = [YES, NO, OPEN, (), *MIXED]
    for others, key, own in itertools.product(answers[:4], claim.parts or "a", answers):
        text = sentence(claim, dict.fromkeys(claim.parts, others) | {key: own})
        assert re.fullmatch(r"[A-Z][^\n]*\.", text), text
        assert not re.search(r"nan|None|inf\b|  | [.,;:]|\(\)|\.\.", text), text
        numbers = set(re.findall(r"-?\d+(?:\.\d+)?", re.sub(COUNTS, "", text.replace("CIFAR-10", "")))) - DECLARED
        # as ratios, shares and points, and what decades divide by
        assert numbers <= {"0.32", "0.65", "0.321", "32", "65", "32.1", "65.4", "0.48", "0.22"}, text


def test_what_is_said_follows_from_the_outcomes() -> None:
    """The three answers of each part differ, and so do all settings and some."""
    for claim in [*CLAIMS.values(), OWN]:
        if claim.definition:
            continue
        for key in claim.parts:
            texts = {sentence(claim, dict.fromkeys(claim.parts, YES) | {key: own}) for own in (YES, NO, OPEN, *MIXED)}
            assert len(texts) == 6, (claim.id, key, texts)
    assert sentence(CLAIMS["C4"], {"a": ()}).startswith("Not tested")
    assert "learn in 2 of 3 settings" in sentence(CLAIMS["P3"], {"a": MIXED[0], "b": YES})
