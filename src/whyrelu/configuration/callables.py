"""Callables that a configuration names by their import path, bound to the arguments that stand beside it."""

from __future__ import annotations

import difflib
import functools
import inspect
import pydoc
from collections.abc import Callable, Mapping
from typing import Any

from whyrelu.configuration.targets import EXAMPLE, check_callable, check_path
from whyrelu.errors import UnknownNameError, UserError

# Keys of a group that are no arguments of its callable.
_NO_ARGUMENTS = ("name", "_target_", "default_lr", "lr_grid")


def bind(what: str, group: Mapping[str, Any]) -> functools.partial[Any]:
    """Return the callable that a group of the configuration names, with the group's other keys as keyword arguments.

    Args:
        what: name of the group, one of `whyrelu.configuration.targets.KINDS`.
        group: `_target_`, `name` and arguments.

    Raises:
        UserError: the target cannot be imported, is not callable, is not what such a group may name, or does not take
            an argument.
    """
    target = str(group["_target_"])
    arguments = {str(key): value for key, value in group.items() if key not in _NO_ARGUMENTS}
    found = _locate(what, target)
    _check_arguments(f"{what} {target}", found, arguments)
    return functools.partial(found, **arguments)


def _locate(what: str, target: str) -> Callable[..., Any]:
    check_path(what, target)
    try:
        found = pydoc.locate(target)
    except pydoc.ErrorDuringImport as error:
        raise UserError(f"{what} {target!r} cannot be imported: {error.value}") from error
    if found is None:
        module, _, name = target.rpartition(".")
        parent = pydoc.locate(module) if module else None
        near = difflib.get_close_matches(name, dir(parent) if parent is not None else [], n=1)
        hint = f"did you mean {module}.{near[0]}? " if near else ""
        raise UserError(f"{what} {target!r} is not found: {hint}{EXAMPLE}")
    if not callable(found):
        raise UserError(f"{what} {target!r} is not callable; _target_ names a class or function")
    check_callable(what, target, found)
    return found


def _check_arguments(what: str, found: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return  # built-in functions such as torch.tanh do not tell their signature
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in arguments:
        if name not in parameters:
            raise UnknownNameError(f"argument of {what}", name, parameters)
