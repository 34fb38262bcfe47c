"""conf/claims as it is, and what is said about files that are not valid."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from claims.studies import CLAIMS, ledger, study
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, declared_thresholds, read_claim, read_claims
from whyrelu.claims.evidence import Evidence
from whyrelu.claims.verdict import Findings, Test, Verdict
from whyrelu.errors import UserError


def declared(**changed: object) -> dict[str, object]:
    """C17 with changes; None takes a key away."""
    content = yaml.safe_load((CLAIMS_DIRECTORY / "C17.yaml").read_text()) | changed
    return {key: value for key, value in content.items() if value is not None}


def written(folder: Path, name: str = "C17.yaml", **changed: object) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(declared(**changed)))
    return path


def test_all_claims_are_declared_in_order() -> None:
    assert list(CLAIMS) == [f"C{i}" for i in range(1, 19)]
    for claim in CLAIMS.values():
        assert "supported if" in claim.rule.lower()
        assert "refuted" in claim.rule
        assert "\n" not in claim.rule + claim.claim + claim.hypothesis


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rule": None}, "rule must be a text, not None"),
        ({"alpha": None}, "alpha is missing; decide needs it"),
        ({"alpha": "small"}, "alpha must be a number, not 'small'"),
        ({"supremacy": 0.75}, "did you mean 'superiority'?"),
        ({"rule": "above {boundary}"}, "rule names in braces what is no number among the settings ('boundary')"),
        ({"hypothesis": "above {margin"}, "hypothesis names in braces"),
        ({"_target_": "whyrelu.claims.accuracy.decides"}, "did you mean whyrelu.claims.accuracy.decide?"),
        ({"_target_": "whyrelu.claims.convergence.decide", "thresholds": {"digits": [0.5]}}, "an entry default"),
    ],
)
def test_bad_files_are_told_in_one_line(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_claim(written(tmp_path, **changed))
    assert message in str(error.value)
    assert "C17.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim not in ("C3", "C4", "C5", "C6")])
def test_thresholds_are_told_in_the_texts(claim: str) -> None:
    text = (CLAIMS_DIRECTORY / f"C{int(claim[1:]):02}.yaml").read_text()
    thresholds = {name for name, value in CLAIMS[claim].settings.items() if isinstance(value, float)}
    # at what level is told where it is not the usual one or decides beside something else
    for name in thresholds - {"alpha", "kink"}:
        assert f"{{{name}" in text, name


def test_ids_are_unique_and_folders_not_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no claims"):
        read_claims(tmp_path)
    written(tmp_path, "a.yaml")
    written(tmp_path, "b.yaml")
    with pytest.raises(UserError, match="id C17 too"):
        read_claims(tmp_path)


def test_thresholds_are_those_of_all_claims() -> None:
    claims = list(CLAIMS.values())
    assert declared_thresholds(claims, "digits") == [0.5, 0.8, 0.9]
    assert declared_thresholds(claims, "another") == [0.3, 0.5, 0.7]


def most_runs(evidence: Evidence, least: int) -> Findings:
    """A claim of somebody else: one function and one file."""
    tests = [Test(comparison=f"test {p}", quantity="runs", effect=1.0, unit="runs", p=p) for p in (0.01, 0.04)]
    verdict = "supported" if len(evidence.runs) >= least else "refuted"
    return Findings(tests, lambda found: Verdict.of(verdict, f"{len(evidence.runs)} runs", found[0]))


def test_adding_a_claim_is_a_function_and_a_file(tmp_path: Path) -> None:
    head = {key: "text" for key in ("claim", "hypothesis", "rule")}
    for name in ("C19", "C20"):
        content = {"id": name, **head, "family": "mine", "_target_": f"{__name__}.most_runs", "least": 3}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    found = ledger(study(level="off"), *read_claims(tmp_path))
    assert [entry["verdict"] for entry in found.entries] == ["supported", "supported"]
    # Holm over both files, which name the same family: 4 * .01, 4 * .01, 2 * .04, 2 * .04
    assert found.contrasts["p_adjusted"].tolist() == pytest.approx([0.04, 0.08, 0.04, 0.08])
