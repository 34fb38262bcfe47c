"""Hydra's and OmegaConf's errors, translated into one line that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from whyrelu.errors import UnknownNameError, UserError

_TYPES = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false", "str": "text"}


def explain(error: BaseException, overrides: Sequence[str]) -> UserError:
    """Translate an error of composing; what was typed is quoted where the error itself does not name the place."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return UnknownNameError(group or "configuration", name, error.options or [])
    message = _first_line(error)
    if isinstance(error, OverrideParseException):
        if message.startswith("LexerNoViableAlt"):
            message = "a quote is not closed, or its value needs quotes within those of the shell, \"key='value'\""
        elif "=" not in error.override:
            message = "settings are given as key=value; --help shows examples"
        return UserError(f"cannot read {error.override!r}: {message}")
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        return _explain_omegaconf(cause)
    typed = " ".join(overrides)
    if "Ambiguous" in message or "requires --multirun" in message:
        quoted = re.search(r"'(.*)'", message)
        return UserError(f"{quoted[1] if quoted else typed} names several values: add -m to run all of them")
    if "Config group override must be a string or a list" in str(error):
        message = "a config group takes the name of a file, such as activation=relu"
    elif not isinstance(error, HydraException | ValueError):
        message = f"{type(error).__name__}: {message}"
    return UserError(f"{message} (in: {typed})" if typed else message)


def _explain_omegaconf(error: OmegaConfBaseException) -> UserError:
    key = error.full_key or str(error.key)
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        parent = error.parent_node
        siblings = {str(name) for name in parent} if isinstance(parent, DictConfig) else set()
        if prefix := key.rpartition(".")[0]:
            return UnknownNameError("setting", key, [f"{prefix}.{name}" for name in siblings])
        return UnknownNameError("setting", key, (siblings - {"hydra"}) | {"experiment"})
    if isinstance(error, MissingMandatoryValue):
        return UserError(f"setting {key} has no value; it must be given")
    message = _first_line(error)
    if isinstance(error, ValidationError):
        found = re.match(r"Value '(.*)' of type '.*' could not be converted to (\w+)", message)
        if found:
            return UserError(f"setting {key} must be {_TYPES.get(found[2], found[2])}, not {found[1]!r}")
        if "is not Optional" in message:
            return UserError(f"setting {key} must have a value, not null")
    if isinstance(error, InterpolationResolutionError):
        return UserError(f"setting {key}: {message}; to use the text as it is, write \\${{...}}")
    return UserError(f"setting {key}: {message}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].strip()
