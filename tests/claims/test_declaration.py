"""conf/claims as it is, and what is said about files that are not valid."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from claims.made import cell, study
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.claims.ledger import effects
from whyrelu.errors import UserError


def written(folder: Path, name: str = "C17", part: dict[str, Any] | None = None, **changed: Any) -> Path:
    """C17 with changes, to the file or to its part a; None takes a key away."""
    content = yaml.safe_load((CLAIMS_DIRECTORY / "C17.yaml").read_text()) | changed
    if part is not None:
        content["parts"]["a"] |= part
        content["parts"]["a"] = {key: value for key, value in content["parts"]["a"].items() if value is not None}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return path


def test_all_claims_are_declared_in_order_with_settings_of_their_parts() -> None:
    claims = {claim.id: claim for claim in read_claims()}
    assert list(claims) == [*(f"C{i}" for i in range(1, 19)), *(f"P{i}" for i in range(1, 8))]
    for claim in claims.values():
        assert claim.parts or claim.definition
        assert all(bool(part.rule) == (claim.definition is None) for part in claim.parts.values())
    # a part's own settings beside those of all parts, and a function of its own
    assert claims["C1"].parts["a"].effects.keywords == {  # type: ignore[attr-defined]
        "min_depth": 8,
        "where": {"activation": "sigmoid", "init": "xavier"},
    }
    functions = [part.effects.func.__name__ for part in claims["P3"].parts.values()]  # type: ignore[attr-defined]
    assert functions == ["share_learned", "saturated_at_init"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sudies": ["digits"]}, "did you mean 'studies'"),
        ({"studies": "digits"}, "studies must be a list of names, not 'digits'"),
        ({"id": None}, "id must be a text, not None"),
        ({"parts": None}, "a claim has parts, or a definition"),
        ({"parts": ["a"]}, "parts must hold keys and values"),
        ({"definition": "arithmetic"}, "part a is decided by definition"),
        ({"_target_": None}, "_target_ of part a must be a text"),
        (
            {"_target_": "whyrelu.claims.accuracy.paired_diference"},
            "did you mean whyrelu.claims.accuracy.paired_difference",
        ),
        ({"part": {"rule": {"beter": 1}}}, "did you mean 'better'"),
        ({"part": {"rule": None}}, "part a needs one rule"),
        ({"part": {"rule": {"above": 0, "below": 1}}}, "part a needs one rule"),
        ({"part": {"rule": {"above": "much"}}}, "above of part a takes a number, not 'much'"),
        ({"part": {"rule": {"inside": [0.9]}}}, "inside of part a takes two numbers, not [0.9]"),
        ({"part": {"says": None}}, "says of part a must be a text"),
        ({"part": {"against": None}}, "part a: whyrelu.claims.accuracy.paired_difference missing a required argument"),
        ({"part": {"agianst": "tanh"}}, "got an unexpected keyword argument 'agianst'"),
    ],
)
def test_bad_files_are_told_in_one_line(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = written(tmp_path, **changed)
    with pytest.raises(UserError) as error:
        read_claims(tmp_path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_ids_are_unique_folders_not_empty_and_files_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no claims"):
        read_claims(tmp_path)
    written(tmp_path, "a")
    written(tmp_path, "b")
    with pytest.raises(UserError, match="id C17 too"):
        read_claims(tmp_path)
    (tmp_path / "a.yaml").write_text("id: [")
    with pytest.raises(UserError, match=r"a\.yaml cannot be read"):
        read_claims(tmp_path)


def most_runs(study: Any, least: int) -> list[dict[str, Any]]:
    """A claim of somebody else: one function and one file."""
    n = len(study.runs)
    return [{"comparison": "runs", "quantity": "runs", "estimate": n, "low": n - least, "high": n, "n": n}]


def test_adding_a_claim_is_a_function_and_a_file(tmp_path: Path) -> None:
    part = {"says": "There are many runs", "_target_": f"{__name__}.most_runs", "least": 3, "rule": {"above": 0}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"id": "X1", "claim": "Mine", "parts": {"a": part}}))
    written(tmp_path)
    claims = read_claims(tmp_path)
    assert [claim.id for claim in claims] == ["C17", "X1"]
    assert effects(claims, study(cell(5)))["outcome"].tolist() == ["supports"]
