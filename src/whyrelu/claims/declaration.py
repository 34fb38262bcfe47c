"""conf/claims: one file per claim, read and checked against the function that decides it."""

from __future__ import annotations

import inspect
import string
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from whyrelu.claims.verdict import Findings
from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.config.targets import bind
from whyrelu.errors import UserError

CLAIMS_DIRECTORY = CONFIG_DIRECTORY / "claims"


@dataclass(frozen=True)
class Claim:
    """One claim as declared.

    Attributes:
        id: C1, C2, ...; the order of the ledger.
        claim: what the article says.
        hypothesis: what it comes to, in terms of measurements.
        rule: one sentence: what supports and what refutes it. Both may name settings in braces: see `in_words`.
        figure: name of the report's figure without .svg, None for none.
        family: name of the family within which Holm's correction is done; claims of one name share it.
        decide: takes `whyrelu.claims.evidence.Evidence`.
        settings: everything else in the file: thresholds, margins and activations, the arguments of `decide`.
    """

    id: str
    claim: str
    hypothesis: str
    rule: str
    figure: str | None
    family: str
    decide: Callable[..., Findings]
    settings: Mapping[str, Any]


_HEAD = {field.name for field in fields(Claim)} - {"decide", "settings"}


def read_claims(directory: Path = CLAIMS_DIRECTORY) -> list[Claim]:
    """Read all claims of a folder, in the order of their ids.

    Raises:
        UserError: one line about a file that is not valid, an id that two files have, or a folder without claims.
    """
    claims: dict[str, Claim] = {}
    for path in sorted(directory.glob("*.yaml")):
        claim = read_claim(path)
        if claim.id in claims:
            raise UserError(f"{path}: another file has the id {claim.id} too")
        claims[claim.id] = claim
    if not claims:
        raise UserError(f"there are no claims in {directory}; a claim is a file such as C01.yaml")
    return sorted(claims.values(), key=lambda claim: (len(claim.id), claim.id))


def read_claim(path: Path) -> Claim:
    """Read one file.

    Raises:
        UserError: one line about what is not valid.
    """
    try:
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(declared, dict):
        raise UserError(f"{path} must hold keys and values, such as id: C1")
    for key in (*sorted(_HEAD - {"figure", "family"}), "_target_"):
        if not isinstance(declared.get(key), str) or not declared[key].strip():
            raise UserError(f"{path}: {key} must be a text, not {declared.get(key)!r}")
    for key in ("figure", "family"):
        if not isinstance(declared.get(key), str | None):
            raise UserError(f"{path}: {key} must be a text or null, not {declared[key]!r}")
    settings = {str(key): value for key, value in declared.items() if key not in _HEAD}
    try:
        decide = bind("claim", settings)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    settings.pop("_target_")
    _check_settings(path, decide.func, settings)
    head: dict[str, Any] = {key: declared.get(key) for key in _HEAD}
    head |= {key: " ".join(value.split()) for key, value in head.items() if isinstance(value, str)}
    head["family"] = head["family"] or head["id"]
    for key in ("hypothesis", "rule"):
        head[key] = in_words(path, key, head[key], settings)
    return Claim(**head, decide=decide, settings=settings)


class _Words(string.Formatter):
    """Settings in a sentence: {bound} as it is, {bound:percent} as a percentage, {margin:points} in hundredths."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("not a number")
        scale = {"": 1, "percent": 100, "points": 100}[format_spec]
        # 12 digits: what a person typed, without the rounding of the product
        return f"{scale * value:.12g}" + ("%" if format_spec == "percent" else "")


def in_words(path: Path, key: str, text: str, settings: Mapping[str, Any]) -> str:
    """A sentence with the numbers of the settings in place of their names in braces, so that both always agree.

    Raises:
        UserError: one line about a name that is no number among the settings, or another notation.
    """
    try:
        return _Words().vformat(text, (), settings)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: {key} names in braces what is no number among the settings ({' '.join(str(error).split())}); "
            "write {bound}, {bound:percent} or {bound:points}, where bound is a key of the file"
        ) from None


def declared_thresholds(claims: Sequence[Claim], data: str) -> list[float]:
    """Thresholds of validation accuracy that any claim declares as its `thresholds` for a data set, ascending."""
    found = {
        value
        for claim in claims
        if "thresholds" in claim.settings
        for value in of_data(claim.settings["thresholds"], data)
    }
    return sorted(found)


def of_data(thresholds: Mapping[str, Sequence[float]], data: str) -> Sequence[float]:
    """The thresholds for a data set: its own, or those under `default`."""
    return thresholds.get(data, thresholds["default"])


def _check_settings(path: Path, function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """Check that a function gets all it needs, with the types it says."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    hints = get_type_hints(function)
    for parameter in parameters:
        if parameter.name not in settings:
            if parameter.default is inspect.Parameter.empty:
                raise UserError(f"{path}: {parameter.name} is missing; {function.__name__} needs it")
        elif not _is(settings[parameter.name], hints[parameter.name]):
            kind = _kind(hints[parameter.name])
            raise UserError(f"{path}: {parameter.name} must be {kind}, not {settings[parameter.name]!r}")
    thresholds = settings.get("thresholds")
    if thresholds is not None and "default" not in thresholds:
        raise UserError(f"{path}: thresholds must have an entry default, for data sets that are not named")


def _is(value: Any, kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_is(value, option) for option in arguments)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(_is(k, arguments[0]) and _is(v, arguments[1]) for k, v in value.items())
    if origin is not None:
        return isinstance(value, list) and all(_is(item, arguments[0]) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _kind(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(option) for option in arguments)
    if origin is not None and issubclass(origin, Mapping):
        return f"a mapping to {_kind(arguments[1])}"
    if origin is not None:
        return f"a list of {_kind(arguments[0])}s".replace("a list of a ", "a list of ")
    return {str: "a text", float: "a number", int: "a whole number", bool: "true or false", type(None): "null"}[kind]
