"""Claims decided anew from the tables that are published."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from whyrelu.decision import ABSENT, Change, decide_anew

from faults_study import refusal
from typed import python
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.errors import UserError
from whyrelu.results.files import read_json, write_json, write_table

ROOT = Path(__file__).resolve().parents[1]
# decided quickly
STUDY = "cifar10_cpu"
STUDIES = sorted(path.parent.name for path in (ROOT / "results").glob("*/claims.json"))
ROUNDED = "claims.json", "metrics.json"
# the last digits of these differ between processors
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


@pytest.mark.parametrize("name", STUDIES)
def test_what_is_published_is_what_the_claims_and_tables_of_this_checkout_come_to(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(ROOT / "results" / name, tmp_path / name))
    decided = decide_anew(folder)
    assert decided.changes == []
    assert len(decided.verdicts) >= 18
    for file in ROUNDED:
        assert (folder / file).read_bytes() == (ROOT / "results" / name / file).read_bytes(), file
    for file in TABLES:
        published = pd.read_parquet(ROOT / "results" / name / file)
        pd.testing.assert_frame_equal(pd.read_parquet(folder / file), published, rtol=1e-9, obj=file)


def test_the_command_says_what_came_of_it(study: Path) -> None:
    entries = read_json(study / "claims.json")
    changed = [entry | {"verdict": "unsure"} if entry["id"] == "C17" else entry for entry in entries]
    write_json(changed, study / "claims.json")
    done = python(study.parents[1], "decide.py", "--all")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == f"{STUDY}: C17 is supported, and was unsure"
    assert last.startswith(f"{STUDY}: of 18 claims ") and last.endswith("; 1 decided otherwise than before")
    assert read_json(study / "claims.json") == entries
    done = python(study.parents[1], "decide.py", STUDY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{STUDY}: of 18 claims ")
    assert done.stdout.endswith("; none decided otherwise than before\n")


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


def test_each_data_set_has_thresholds_of_its_own(study: Path) -> None:
    # of one run the tables say that it is of the digits, whose thresholds they do not have
    runs = pd.read_parquet(study / "runs.parquet")
    runs.loc[0, "data"] = "digits"
    write_table(runs, study / "runs.parquet")
    with pytest.raises(UserError, match=r"validation accuracy of 0\.5, 0\.8, 0\.9, "):
        decide_anew(study)


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


def test_a_ledger_that_is_missing_is_made(study: Path) -> None:
    published = (study / "claims.json").read_bytes()
    (study / "claims.json").unlink()
    decided = decide_anew(study)
    assert [change.before for change in decided.changes] == [ABSENT] * len(decided.verdicts)
    assert (study / "claims.json").read_bytes() == published


@pytest.mark.parametrize("content", ["[1]", '[{"id": "C1"}]', "null", "{", '{"C1": {}}'])
def test_what_is_no_ledger_is_one_line(study: Path, content: str) -> None:
    (study / "claims.json").write_text(content)
    with pytest.raises(UserError, match=r"claims\.json is (no list of claims|damaged)") as caught:
        decide_anew(study)
    assert "\n" not in str(caught.value)


def test_a_study_without_tables_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "results/nothing" in refusal(capsys, "decide.py", "nothing")
    assert "no folder in results/" in refusal(capsys, "decide.py", "--all")
