"""conf/claims: one file per claim, read and checked against the functions that it names."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from whyrelu.claims.selection import Row
from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.config.targets import locate
from whyrelu.errors import UnknownNameError, UserError

CLAIMS_DIRECTORY = CONFIG_DIRECTORY / "claims"
RULES = ("above", "below", "inside", "better")
_KEYS = ("id", "claim", "definition", "studies", "_target_", "settings", "parts")


@dataclass(frozen=True)
class Part:
    """One hypothesis of a claim; `rule` is a name of RULES with its number or two, or empty by definition."""

    says: str
    rule: Mapping[str, Any]
    # takes a whyrelu.results.study.Study
    effects: Callable[..., list[Row]]


@dataclass(frozen=True)
class Claim:
    """A claim or prediction; `definition` says why it is arithmetic, `studies` on which alone it is decided."""

    id: str
    claim: str
    definition: str | None
    studies: tuple[str, ...]
    parts: Mapping[str, Part]


def read_claims(directory: Path = CLAIMS_DIRECTORY) -> list[Claim]:
    """All claims of a folder: C1 to C18, P1 to P7, then those of a person's own.

    Raises:
        UserError: one line about a file that is not valid, an id that two files have, or a folder without claims.
    """
    claims: dict[str, Claim] = {}
    for path in sorted(directory.glob("*.yaml")):
        claim = _read_claim(path)
        if claim.id in claims:
            raise UserError(f"{path}: another file has the id {claim.id} too")
        claims[claim.id] = claim
    if not claims:
        raise UserError(f"there are no claims in {directory}; a claim is a file such as C01.yaml")
    return sorted(claims.values(), key=lambda claim: ("CP".find(claim.id[0]) % 3, len(claim.id), claim.id))


def _read_claim(path: Path) -> Claim:
    try:
        return _claim(_mapping("the file", yaml.safe_load(path.read_text(encoding="utf-8"))))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def _claim(declared: dict[str, Any]) -> Claim:
    for key in declared:
        if key not in _KEYS:
            raise UnknownNameError("key", str(key), _KEYS)
    definition = declared.get("definition")
    common = {"_target_": declared.get("_target_")} | _mapping("settings", declared.get("settings") or {})
    studies = declared.get("studies") or []
    if not isinstance(studies, list):
        raise UserError(f"studies must be a list of names, not {studies!r}")
    parts = {
        str(key): _part(f"part {key}", common | _mapping(f"part {key}", part), definition is None)
        for key, part in _mapping("parts", declared.get("parts") or {}).items()
    }
    if definition is None and not parts:
        raise UserError("a claim has parts, or a definition")
    return Claim(
        _text("id", declared.get("id")),
        _text("claim", declared.get("claim")),
        None if definition is None else _text("definition", definition),
        tuple(map(str, studies)),
        parts,
    )


def _part(name: str, declared: dict[str, Any], has_rule: bool) -> Part:
    says, target = _text(f"says of {name}", declared.pop("says", None)), declared.pop("_target_")
    rule = _mapping(f"rule of {name}", declared.pop("rule", None) or {})
    if len(rule) != has_rule:
        raise UserError(
            f"{name} needs one rule, such as {{above: 0}}" if has_rule else f"{name} is decided by definition"
        )
    for kind, value in rule.items():
        if kind not in RULES:
            raise UnknownNameError("rule", str(kind), RULES)
        numbers = value if kind == "inside" and isinstance(value, list) else [value]
        if len(numbers) != 1 + (kind == "inside") or not all(type(number) in (int, float) for number in numbers):
            raise UserError(
                f"{kind} of {name} takes {'two numbers' if kind == 'inside' else 'a number'}, not {value!r}"
            )
    function = locate("function of a claim", _text(f"_target_ of {name}", target))
    try:
        inspect.signature(function).bind("study", **declared)
    except TypeError as error:
        raise UserError(f"{name}: {target} {error}") from None
    return Part(says, rule, functools.partial(function, **declared))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{name} must be a text, not {value!r}")
    return " ".join(value.split())


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{name} must hold keys and values, not {value!r}")
    return dict(value)
