"""Callables that a configuration names by import path (`_target_`), and the version of a person's own code."""

import ast
import difflib
import functools
import hashlib
import importlib.util
import inspect
import pydoc
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from whyrelu.errors import UnknownNameError, UserError

_EXAMPLE = "_target_ is the import path of a callable, such as torch.nn.Hardshrink or mymodule.myfunction"
# Keys of a group that are no arguments of its callable.
_NO_ARGUMENTS = ("name", "_target_", "default_lr", "lr_grid")


def bind(kind: str, group: Mapping[str, Any]) -> functools.partial[Any]:
    """The callable that a group of the configuration names, with the group's other keys as keyword arguments."""
    target = str(group["_target_"])
    found = locate(kind, target)
    arguments = {str(key): value for key, value in group.items() if key not in _NO_ARGUMENTS}
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return functools.partial(found, **arguments)  # built-in functions such as torch.tanh do not tell
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        for name in arguments:
            if name not in parameters:
                raise UnknownNameError(f"argument of {kind} {target}", name, parameters)
    return functools.partial(found, **arguments)


def locate(kind: str, target: str) -> Callable[..., Any]:
    """The callable at an import path; the kind, such as "activation", is for messages."""
    what = f"{kind} {target!r}"
    module, _, name = target.rpartition(".")
    if not module or not all(map(str.isidentifier, target.split("."))):
        raise UserError(f"{what} is not found: {_EXAMPLE}")
    try:
        found = pydoc.locate(target)
    except pydoc.ErrorDuringImport as error:
        raise UserError(f"{what} cannot be imported: {error.value}") from error
    if found is None:
        near = difflib.get_close_matches(name, dir(pydoc.locate(module)), n=1)
        hint = f"did you mean {module}.{near[0]}? " if near else ""
        raise UserError(f"{what} is not found: {hint}{_EXAMPLE}")
    if not callable(found):
        raise UserError(f"{what} is not callable; _target_ names a class or function")
    return found


def own_code_version(target: str) -> str | None:
    """12 hex digits over a person's own module or package and what it imports beside it; None if it is not own."""
    top = target.partition(".")[0]
    if top in ("whyrelu", "hydra_plugins", "torch", "torchvision") or top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    # a folder without __init__.py has no origin of its own
    origin = Path([*(spec.submodule_search_locations or []), spec.origin or ""][0]).resolve()
    if not origin.exists() or {"site-packages", "dist-packages"} & set(origin.parts):
        return None
    files, waiting = set(), [origin]
    while waiting:
        path = waiting.pop()
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            if file not in files and file.is_file():
                files.add(file)
                beside = [origin.parent / name for name in _imported(file)]
                waiting += [*beside, *(found.with_suffix(".py") for found in beside)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(origin.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _imported(file: Path) -> set[str]:
    """The top modules and packages that a file imports; relative imports are of a package that is in whole."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except SyntaxError:
        return set()  # importing it tells what is wrong
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}
