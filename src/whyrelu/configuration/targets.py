"""What a `_target_` of the configuration may name; all is told before anything of it is called.

A configuration may come from somebody else, and a person cannot see from a path what it runs. So each group takes what
it has a use for: classes of the right base, functions of the modules that hold such functions, and whatever is defined
in a person's own code, which they put there on purpose. See docs/security.md.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from whyrelu.errors import UserError

EXAMPLE = "_target_ is the import path of a callable, such as torch.nn.Hardshrink or mymodule.myfunction"


class Kind(NamedTuple):
    """What a group has a use for beside a person's own code.

    Attributes:
        words: the same for a message.
        base: class that classes of any installed package must be derived from, by its path; "" for no classes.
        torch: where in torch such classes are defined; those elsewhere (torch.jit, torch.distributed) do other things.
        functions: modules in which its functions are defined, or packages of them where they end with a dot.
    """

    words: str
    base: str = ""
    torch: str = ""
    functions: tuple[str, ...] = ()


_MODULE, _OPTIMIZER = "torch.nn.modules.module.Module", "torch.optim.optimizer.Optimizer"
_DATASET = "torchvision.datasets.vision.VisionDataset"
# Where torch's functions of tensors are. torch.save, which writes a tensor to any file, is in another module.
_OF_TENSORS = (
    "torch",
    "torch._C",
    "torch._C.",
    "torch._ops.",
    "torch._tensor",
    "torch.functional",
    "torch.nn.functional",
)
KINDS = {
    "activation": Kind(
        "a class of torch.nn.Module or a function of tensors",
        _MODULE,
        "torch.nn.",
        (*_OF_TENSORS, "whyrelu.network.activations"),
    ),
    "model": Kind("a class of torch.nn.Module", _MODULE, "torch.nn."),
    "norm": Kind("a class of torch.nn.Module", _MODULE, "torch.nn."),
    "init": Kind("a function of whyrelu.network.initialisation", functions=("whyrelu.network.initialisation",)),
    "optimizer": Kind("a class of torch.optim.Optimizer", _OPTIMIZER, "torch.optim."),
    "data": Kind("a class of torchvision.datasets or a reader", _DATASET, functions=("whyrelu.data.sources",)),
    "claim": Kind("a function of whyrelu.claims", functions=("whyrelu.claims.",)),
}


def check_path(kind: str, target: str) -> None:
    """Refuse a path that no group has a use for, before anything is imported.

    Args:
        kind: one of `KINDS`.
        target: the import path.

    Raises:
        UserError: it is not a path, or one into the standard library.
    """
    parts = target.split(".")
    if len(parts) < 2 or not all(map(str.isidentifier, parts)):
        raise UserError(f"{kind} {target!r} is not found: {EXAMPLE}")
    if parts[0] in sys.stdlib_module_names or any(part.startswith("__") for part in parts):
        raise _refused(kind, target, "it is part of Python")


def check_callable(kind: str, target: str, found: Callable[..., Any]) -> None:
    """Refuse what a path leads to if the group has no use for it, before it is called.

    Args:
        kind: one of `KINDS`.
        target: the import path, checked by `check_path`.
        found: what is there.

    Raises:
        UserError: it is neither of the kind that the group needs nor defined in a person's own code.
    """
    through = _module_on_the_way(target)
    if through is not None:
        raise _refused(kind, target, f"its path leads through another module, {through}")
    home = _home(found)
    if own_source(target) is not None:
        # what a person's module has made, as functools.partial does, has the type and so the home of what made it
        is_made = not (inspect.isclass(found) or inspect.isroutine(found))
        if is_made or own_source(home) is not None:
            return
    if not _fits(KINDS[kind], found, home):
        raise _refused(kind, target, f"it is defined in {home or 'a place that it does not tell'}")


def own_source(path: str) -> Path | None:
    """Return the file or folder of a person's own code that holds the first name of an import path.

    Returns:
        None for what is installed, belongs to Python or this project, or does not exist.
    """
    top = path.partition(".")[0]
    if not top or top in ("whyrelu", "hydra_plugins") or top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    # a folder without __init__.py has no origin of its own
    origins = list(spec.submodule_search_locations or []) or [spec.origin or ""]
    origin = Path(origins[0]).resolve()
    installed = {"site-packages", "dist-packages"} & set(origin.parts)
    return origin if origin.exists() and not installed else None


def _fits(kind: Kind, found: Callable[..., Any], home: str) -> bool:
    if inspect.isclass(found):
        bases = {f"{base.__module__}.{base.__qualname__}" for base in found.__mro__}
        return kind.base in bases and (not home.startswith("torch.") or home.startswith(kind.torch or "torch."))
    return any(home.startswith(name) if name.endswith(".") else home == name for name in kind.functions)


def _home(found: Any) -> str:
    """The module in which a callable is defined; "" if it does not tell."""
    # methods that are written in C, such as torch.Tensor.tanh, tell their class only
    return str(getattr(found, "__module__", None) or getattr(getattr(found, "__objclass__", None), "__module__", ""))


def _module_on_the_way(target: str) -> str | None:
    """The name of a module that a path reaches as a name in another one, as mymodule.os.system does."""
    place: Any = None
    names = target.split(".")
    for count in range(1, len(names)):
        path = ".".join(names[:count])
        place = sys.modules[path] if path in sys.modules else getattr(place, names[count - 1], None)
        if inspect.ismodule(place) and place.__name__ != path:
            return place.__name__
    return None


def _refused(kind: str, target: str, reason: str) -> UserError:
    return UserError(
        f"{kind} {target!r} is refused: {reason}; {kind} takes {KINDS[kind].words}, or a function or class of "
        "your own, mymodule.name, which may call whatever you like"
    )
