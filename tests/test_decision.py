"""Claims decided from the tables of studies: what is written, and that a rule changes a verdict without runs."""

from pathlib import Path

import pytest
import yaml

from synthetic import write_study
from whyrelu.claims.decide import decide, write_effects
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.columns import EFFECT_COLUMNS
from whyrelu.results.study import Study


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies with all tables."""
    folder = tmp_path_factory.mktemp("results")
    write_study(folder, depths=(4, 8))
    write_study(folder, "cifar10", depths=(4,), seeds=5, data="cifar10", timed=False)
    decide(folder)
    return folder


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_decisions_are_files_that_can_be_read_back_and_written_again(results: Path) -> None:
    entries = {entry["id"]: entry for entry in read_json(results / "claims.json")}
    assert list(entries) == [claim.id for claim in read_claims()]
    # what the made-up numbers say: sigmoid learns from xavier at depth 4 alone, and everything at the edge
    assert [entries["C1"]["parts"][key]["verdict"] for key in "abc"] == ["supported", "not supported", "not supported"]
    assert entries["C3"]["verdict"] == "partly" and entries["C3"]["timed"]
    assert entries["P1"]["verdict"] == "not tested" and not entries["P1"]["studies"]
    assert entries["C8"]["verdict"] == "by definition"
    assert Study(results / "digits").effects.dtypes.astype(str).to_dict() == EFFECT_COLUMNS
    before = (results / "digits" / "effects.csv").read_bytes()
    write_effects(Study(results / "digits"))
    assert (results / "digits" / "effects.csv").read_bytes() == before


def test_another_rule_is_another_verdict(results: Path, tmp_path: Path) -> None:
    content = yaml.safe_load((CLAIMS_DIRECTORY / "C01.yaml").read_text())
    for part in content["parts"].values():
        part["rule"] = {"below": 1.1}
    (tmp_path / "C01.yaml").write_text(yaml.safe_dump(content))
    assert [entry["verdict"] for entry in decide(results, read_claims(tmp_path))] == ["supported"]
    assert {entry["id"]: entry["verdict"] for entry in decide(results)}["C1"] == "partly"


def test_a_damaged_table_is_one_line_and_nothing_is_written(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tables in .*: python src/aggregate\.py"):
        decide(tmp_path)
    damaged = results / "digits" / "runs.parquet"
    content = damaged.read_bytes()
    try:
        damaged.write_bytes(b"")
        before = state(results)
        with pytest.raises(UserError, match=r"runs\.parquet"):
            decide(results)
        assert state(results) == before
    finally:
        damaged.write_bytes(content)
