"""Hydra's and OmegaConf's errors in one line that a person can act on."""

from collections.abc import Sequence

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from whyrelu.errors import UnknownNameError, UserError


def explain(error: BaseException, overrides: Sequence[str]) -> UserError:
    """Translate an error of composing; what was typed is quoted where the error itself does not name the place."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        if (group, name) == ("init", "critical"):  # the name it had in protocol 1
            return UserError("init=critical matched the variance, not the gradient: use init=variance, or init=edge")
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
    if "--multirun" in str(error):
        message += ": add -m to run all of its values"
    elif "Config group override must be a string or a list" in message:
        message = "a config group takes the name of a file, such as activation=relu"
    return UserError(f"{message} (in: {' '.join(overrides)})" if overrides else message)


def _explain_omegaconf(error: OmegaConfBaseException) -> UserError:
    key = error.full_key or str(error.key)
    if not isinstance(error, ConfigAttributeError | ConfigKeyError):
        return UserError(f"setting {key}: {_first_line(error)}")
    prefix = key[: key.rfind(".") + 1]
    names = {str(name) for name in error.parent_node} if isinstance(error.parent_node, DictConfig) else set()
    if not prefix:
        names = names - {"hydra"} | {"experiment"}
    return UnknownNameError("setting", key, [prefix + name for name in names])


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].strip()
