"""Hydra's and OmegaConf's errors, translated into one line that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
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
    """Translate an error of composing a configuration.

    Args:
        error: what Hydra or OmegaConf raised.
        overrides: what was typed, to be quoted where the error itself does not name the place.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return UnknownNameError(group or "configuration", name, error.options or [])
    if isinstance(error, OverrideParseException) and "=" not in error.override:
        return not_a_setting(error.override)
    if isinstance(error, OverrideParseException):
        reason = _first_line(error)
        if reason.startswith("LexerNoViableAlt"):
            reason = "a quote is not closed, or its value needs quotes within those of the shell, \"key='value'\""
        return UserError(f"cannot read {error.override!r}: {reason}")
    if "Config group override must be a string or a list" in str(error):
        return UserError(
            f"a config group takes the name of a file, such as activation=relu (in: {' '.join(overrides)})"
        )
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        return _explain_omegaconf(cause)
    message = _first_line(error)
    if isinstance(error, ConfigCompositionException) and ("Ambiguous" in message or "requires --multirun" in message):
        quoted = re.search(r"'(.*)'", message)
        setting = quoted[1] if quoted else " ".join(overrides)
        return UserError(f"{setting} names several values: add -m to run all of them")
    typed = f" (in: {' '.join(overrides)})" if overrides else ""
    known = isinstance(error, HydraException | ValueError)
    return UserError(f"{'' if known else type(error).__name__ + ': '}{message}{typed}")


def not_a_setting(argument: str) -> UserError:
    """Return the error about an argument that is no setting at all."""
    return UserError(f"cannot read {argument!r}: settings are given as key=value; --help shows examples")


def _explain_omegaconf(error: OmegaConfBaseException) -> UserError:
    key = error.full_key or str(error.key)
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        parent = error.parent_node
        prefix = key.rpartition(".")[0]
        siblings = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
        options = [f"{prefix}.{name}" if prefix else name for name in siblings]
        if not prefix:
            options = [*(o for o in options if o != "hydra"), "experiment"]
        return UnknownNameError("setting", key, options)
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
