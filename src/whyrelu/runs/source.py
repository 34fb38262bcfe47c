"""A version of the training code that changes when, and only when, its behaviour can."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from whyrelu.config.targets import own_source

SOURCE = Path(__file__).resolve().parents[2]

# What a training run executes: the loop, and what conf/ names in `_target_`.
TRAINING_MODULES = (
    "whyrelu.training.fit",
    "whyrelu.network.model",
    "whyrelu.network.activations",
    "whyrelu.network.initialisation",
)


@cache
def code_version() -> str:
    """Return 12 hex digits over the code of all modules that training imports, comments and docstrings aside."""
    digest = hashlib.sha256()
    for module, path in sorted(import_closure(TRAINING_MODULES).items()):
        digest.update(f"{module}\n{_behaviour(path)}\n".encode())
    return digest.hexdigest()[:12]


@cache
def source_version(target: str) -> str | None:
    """Return 12 hex digits over the module of a person's own callable, or None for code that is installed.

    Args:
        target: import path of the callable, such as "mypackage.module.function".
    """
    origin = own_source(target)
    if origin is None:
        return None
    digest = hashlib.sha256()
    for path in sorted(origin.rglob("*.py")) if origin.is_dir() else [origin]:
        digest.update(f"{path.name}\n{_behaviour(path)}\n".encode())
    return digest.hexdigest()[:12]


def import_closure(
    modules: tuple[str, ...], leave_out: Callable[[str], bool] = lambda module: False
) -> dict[str, Path]:
    """Return the project's modules that some modules import, directly or not, with their files; they are included.

    Imports inside functions count, those under `if TYPE_CHECKING` do not.

    Args:
        modules: where to begin.
        leave_out: tells of modules that are not followed either.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        path = _module_path(module)
        if path is None or module in found or leave_out(module):
            continue
        found[module] = path
        parent = module.rpartition(".")[0]
        waiting += [parent] if parent else []
        waiting += _imported(ast.parse(path.read_text()))
    return found


def _module_path(module: str) -> Path | None:
    base = SOURCE.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imported(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # an imported name may be a submodule; those that are none have no file and are passed over
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        names += _imported(node)
    return names


def _behaviour(path: Path) -> str:
    """Return a module's source without comments, docstrings and layout."""
    source = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source  # importing it will tell what is wrong
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
