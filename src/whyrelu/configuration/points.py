"""The points of a grid that differ in settings only, and not in what they are composed of.

OmegaConf takes milliseconds to copy, set and resolve a configuration, a grid has up to a hundred thousand points. Where
the settings that vary act on nothing but themselves, one point is resolved for all of them, and every value once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from whyrelu.configuration.explanation import explain
from whyrelu.configuration.schema import NAMED_GROUPS
from whyrelu.configuration.settings import Change, Settings

# An interpolation of another setting by its full name, without arguments or anything nested.
_PLAIN_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.\w+)*)\}")

# Takes one text of every axis.
PointOf = Callable[[Sequence[str]], Settings]


class _Value(NamedTuple):
    """What a text says: a dotted key and its value."""

    key: str
    value: Any


def points_of(
    composed: DictConfig,
    axes: Sequence[Sequence[str]],
    resolve: Callable[[DictConfig], dict[str, Any]],
    check: Callable[[Mapping[str, Any]], None],
    known: dict[str, Change],
) -> PointOf:
    """Return what gives the settings of each point of a grid.

    Args:
        composed: what all points are composed of.
        axes: the values of each key that varies, as overrides key=value.
        resolve: makes plain and valid values of a composition.
        check: raises if values that were resolved are not valid.
        known: what texts were found to change; compositions of the same schema share it.

    Raises:
        UserError: a key or value is not valid.
    """
    corner = composed.copy()
    for axis in axes:
        _set(corner, axis[0])
    shared = resolve(corner)
    if not _are_apart(composed, [text for axis in axes for text in axis]):
        return lambda texts: Settings(resolve(_with(composed, texts)))
    scratch = corner.copy()
    for axis in axes:
        for text in axis:
            if text not in known:
                known[text] = _change(scratch, text)
                check(Settings(shared, (known[text],)).config())
    return lambda texts: Settings(shared, tuple([known[text] for text in texts]))


def _change(scratch: DictConfig, text: str) -> Change:
    """What a text changes in a resolved configuration: its value as the schema takes it."""
    _set(scratch, text)
    key = _parsed(text).key
    value = OmegaConf.select(scratch, key)
    return key, OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _are_apart(composed: DictConfig, texts: Sequence[str]) -> bool:
    """Whether texts are sure to change the settings that they name, and no other."""
    values = [_parsed(text) for text in texts]
    keys = {value.key for value in values}
    if any(
        isinstance(value.value, Mapping) or "${" in str(value.value) or "???" in str(value.value) for value in values
    ):
        return False
    # a callable and its name are one thing
    if any(key.partition(".")[0] in NAMED_GROUPS and key.partition(".")[2] in ("", "name", "_target_") for key in keys):
        return False
    if any(_is_within(key, other) for key in keys for other in keys if key != other):
        return False
    if any(OmegaConf.is_dict(OmegaConf.select(composed, key, throw_on_missing=False)) for key in keys):
        return False
    for text in _interpolations(OmegaConf.to_container(composed, resolve=False)):
        if "${" in _PLAIN_REFERENCE.sub("", text):
            return False
        references = _PLAIN_REFERENCE.findall(text)
        if any(_is_within(key, other) or _is_within(other, key) for key in keys for other in references):
            return False
    return True


def _is_within(key: str, group: str) -> bool:
    return key == group or key.startswith(f"{group}.")


def _interpolations(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _interpolations(item)
    elif isinstance(value, list):
        for item in value:
            yield from _interpolations(item)
    elif isinstance(value, str) and "${" in value:
        yield value


def _with(composed: DictConfig, texts: Sequence[str]) -> DictConfig:
    config = composed.copy()
    for text in texts:
        _set(config, text)
    return config


def _set(config: DictConfig, text: str) -> None:
    key, value = _parsed(text)
    try:
        OmegaConf.update(config, key, value)
    except Exception as error:
        raise explain(error, [text]) from error


@cache
def _parsed(text: str) -> _Value:
    key, _, value = text.partition("=")
    # Hydra's parser takes a millisecond, and seeds are many
    if re.fullmatch(r"-?[1-9]\d*|0", value):
        return _Value(key, int(value))
    override = OverridesParser.create().parse_override(text)
    return _Value(override.key_or_group, override.value())
