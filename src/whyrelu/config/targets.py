"""Callables that a configuration names by their import path (`_target_`), bound to the arguments that stand beside it.

Each group may name what it has a use for, or code of a person's own; anything else is refused before it is imported,
because a configuration may come from somebody else (docs/security.md).
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib.util
import inspect
import itertools
import pydoc
import sys
from collections.abc import Callable, Mapping
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from whyrelu.errors import UnknownNameError, UserError

EXAMPLE = "_target_ is the import path of a callable, such as torch.nn.Hardshrink or mymodule.myfunction"

# How the paths begin that a group may name, beside a person's own code. "torch." stands for functions of tensors.
ADMITTED = {
    "activation": ("torch.nn.", "torch.special.", "torch.Tensor.", "torch.", "whyrelu.network.activations."),
    "model": ("torch.nn.", "whyrelu.network.model."),
    "norm": ("torch.nn.",),
    "init": ("whyrelu.network.initialisation.",),
    "optimizer": ("torch.optim.",),
    "data": ("torchvision.datasets.", "whyrelu.data.sources."),
    "claim": ("whyrelu.claims.",),
}
# Keys of a group that are no arguments of its callable.
_NO_ARGUMENTS = ("name", "_target_", "default_lr", "lr_grid")


def bind(kind: str, group: Mapping[str, Any]) -> functools.partial[Any]:
    """Return the callable that a group of the configuration names, with the group's other keys as keyword arguments.

    Raises:
        UserError: the target cannot be imported, is not callable, is not what such a group may name, or does not take
            an argument.
    """
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
    """Return the callable at an import path; raises UserError as `bind` does."""
    what = f"{kind} {target!r}"
    module, _, name = target.rpartition(".")
    if not module or not all(map(str.isidentifier, target.split("."))):
        raise UserError(f"{what} is not found: {EXAMPLE}")
    if not _is_admitted(kind, target) and own_source(target) is None:
        if importlib.util.find_spec(target.partition(".")[0]) is None:
            raise UserError(f"{what} is not found: {EXAMPLE}")
        admitted = ", ".join(f"{begin}*" for begin in ADMITTED[kind])
        raise UserError(f"{what} is refused: {kind} takes {admitted} or a function or class of your own, mymodule.name")
    try:
        found = pydoc.locate(target)
    except pydoc.ErrorDuringImport as error:
        raise UserError(f"{what} cannot be imported: {error.value}") from error
    # what only another module's import put there, such as os in mymodule.os.system
    for path in itertools.accumulate(module.split("."), "{}.{}".format):
        through = pydoc.locate(path)
        if isinstance(through, ModuleType) and through.__name__ != path:
            raise UserError(f"{what} is refused: it reaches {through.__name__!r} through a module that imports it")
    if found is None:
        near = difflib.get_close_matches(name, dir(pydoc.locate(module)), n=1)
        hint = f"did you mean {module}.{near[0]}? " if near else ""
        raise UserError(f"{what} is not found: {hint}{EXAMPLE}")
    if not callable(found):
        raise UserError(f"{what} is not callable; _target_ names a class or function")
    return found


def _is_admitted(kind: str, target: str) -> bool:
    if target.startswith(tuple(begin for begin in ADMITTED[kind] if begin != "torch.")):
        return True
    package, _, name = target.rpartition(".")
    if "torch." not in ADMITTED[kind] or package != "torch":
        return False
    import torch

    # torch.load, torch.save and the like are no methods of a tensor, which torch.tanh is
    return hasattr(torch.Tensor, name)


def own_source(target: str) -> Path | None:
    """The file or folder of a person's own code that an import path begins with; None for any other, and for none."""
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
    return origin if origin.exists() and not {"site-packages", "dist-packages"} & set(origin.parts) else None


def own_code_version(target: str) -> str | None:
    """12 hex digits over a person's own module or package and what it imports beside it; None if it is not own."""
    origin = own_source(target)
    if origin is None:
        return None
    files = sorted(origin.rglob("*.py")) if origin.is_dir() else [origin]
    beside = {path.resolve() for file in files for path in _imported_beside(file, origin.parent)}
    digest = hashlib.sha256()
    for path in sorted({*files, *beside}):
        digest.update(f"{path.relative_to(origin.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _imported_beside(file: Path, folder: Path) -> list[Path]:
    """The modules in a folder that a file imports, directly or not."""
    finder = ModuleFinder([str(folder)])
    try:
        finder.run_script(str(file))
    except SyntaxError:
        return []  # importing it will tell what is wrong
    paths = (getattr(module, "__file__", None) for module in finder.modules.values())
    return [Path(path) for path in paths if path]
