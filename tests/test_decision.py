"""Claims decided anew from the tables that are published."""

import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from whyrelu.claims.decide import ABSENT, Change, decide_anew
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.errors import UserError
from whyrelu.files import read_json

ROOT = Path(__file__).resolve().parents[1]
# decided quickly
STUDY = "cifar10_cpu"
STUDIES = sorted(path.parent.name for path in (ROOT / "results").glob("*/claims.json"))
# On another processor last digits differ, and a resample that ties may move an end of a bootstrap interval.
EXACT, INTERVAL = 1e-9, 5e-3
ENDS = ["low", "high"]
ROUNDED = "claims.json", "metrics.json"
TABLES = "contrasts.parquet", "shares.parquet"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A copy of the tables of a published study."""
    return Path(shutil.copytree(ROOT / "results" / STUDY, tmp_path / "results" / STUDY))


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The files of a study, and when they were written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def with_claim(folder: Path, name: str, before: str, after: str) -> Path:
    """The claims of the project, one of them changed."""
    shutil.copytree(CLAIMS_DIRECTORY, folder)
    text = (folder / name).read_text()
    assert before in text
    (folder / name).write_text(text.replace(before, after))
    return folder


def is_near(found: Any, published: Any, tolerance: float = EXACT) -> bool:
    """Whether values of a JSON file are the same, but for the last digits of numbers and for ends of intervals."""
    if isinstance(published, dict):
        return found.keys() == published.keys() and all(
            is_near(found[key], published[key], INTERVAL if key in ENDS else tolerance) for key in published
        )
    if isinstance(published, list):
        return len(found) == len(published) and all(map(is_near, found, published))
    if isinstance(published, float) and isinstance(found, float):
        return math.isclose(found, published, rel_tol=tolerance)
    return bool(found == published)


@pytest.mark.parametrize("name", STUDIES)
def test_what_is_published_is_what_the_claims_and_tables_of_this_checkout_come_to(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(ROOT / "results" / name, tmp_path / name))
    decided = decide_anew(folder)
    assert decided.changes == []
    assert len(decided.verdicts) >= 18
    for file in ROUNDED:
        assert is_near(*(read_json(path / file) for path in (folder, ROOT / "results" / name))), file
    for file in TABLES:
        found, published = (pd.read_parquet(path / file) for path in (folder, ROOT / "results" / name))
        ends = published.columns.intersection(ENDS)
        pd.testing.assert_frame_equal(found[ends], published[ends], rtol=INTERVAL, obj=file)
        pd.testing.assert_frame_equal(found.drop(columns=ends), published.drop(columns=ends), rtol=EXACT, obj=file)


def test_another_smallest_difference_is_another_verdict_and_both_are_told(study: Path, tmp_path: Path) -> None:
    # with a smallest difference of nearly everything, nothing differs
    claims = read_claims(with_claim(tmp_path / "claims", "C07.yaml", "\ndifference: 0.005", "\ndifference: 0.99"))
    before = dict(decide_anew(study).verdicts)
    decided = decide_anew(study, claims)
    assert [change.id for change in decided.changes] == ["C7"]
    assert decided.changes[0].before == before["C7"] != decided.verdicts["C7"] == decided.changes[0].after
    # and back
    assert decide_anew(study).verdicts == before


def test_a_claim_may_be_new_or_gone(study: Path, tmp_path: Path) -> None:
    claims = with_claim(tmp_path / "claims", "C07.yaml", "id: C7", "id: C99")
    decided = decide_anew(study, read_claims(claims))
    assert decided.changes == [
        Change("C99", ABSENT, decided.verdicts["C99"]),
        Change("C7", decide_anew(study).verdicts["C7"], ABSENT),
    ]


def test_a_threshold_of_which_the_tables_know_nothing_is_refused_and_nothing_written(
    study: Path, tmp_path: Path
) -> None:
    claims = read_claims(with_claim(tmp_path / "claims", "C18.yaml", "cifar10: [", "cifar10: [0.123, "))
    before = state(study)
    with pytest.raises(UserError, match=r"validation accuracy of 0\.123, .*python src/aggregate\.py"):
        decide_anew(study, claims)
    assert state(study) == before


@pytest.mark.parametrize("content", [None, "[1, 2]", "{"])
def test_metrics_that_cannot_be_completed_are_refused_and_nothing_is_written(study: Path, content: str | None) -> None:
    metrics = study / "metrics.json"
    metrics.unlink()
    if content is not None:
        metrics.write_text(content)
    before = state(study)
    with pytest.raises(UserError, match=r"metrics\.json .*python src/aggregate\.py writes it"):
        decide_anew(study)
    assert state(study) == before


@pytest.mark.parametrize("content", ["[1]", '[{"id": "C1"}]', "{"])
def test_what_is_no_ledger_is_one_line(study: Path, content: str) -> None:
    (study / "claims.json").write_text(content)
    with pytest.raises(UserError, match=r"^.*claims\.json is (no list of claims|damaged).*$"):
        decide_anew(study)
