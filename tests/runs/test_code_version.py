import ast
import importlib
import re
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from whyrelu.config.composition import CONFIG_DIRECTORY
from whyrelu.runs import code_version as subject
from whyrelu.runs.code_version import SOURCE, TRAINING_MODULES, code_version, import_closure, source_version

# What makes a result, and what only starts, watches or reports it.
MAKES_RESULTS = {
    "whyrelu.data.augment",
    "whyrelu.data.batches",
    "whyrelu.data.normalisation",
    "whyrelu.data.split",
    "whyrelu.network.activations",
    "whyrelu.network.initialisation",
    "whyrelu.network.model",
    "whyrelu.diagnostics.inspection",
    "whyrelu.network.quadrature",
    "whyrelu.network.scalar",
    "whyrelu.training.fit",
    "whyrelu.config.streams",
}
MAKES_NONE = {
    "whyrelu.commandline",
    "whyrelu.config.composition",
    "whyrelu.config.explanation",
    "whyrelu.config.schema",
    "whyrelu.config.study",
    "whyrelu.launch.events",
    "whyrelu.launch.progress",
    "whyrelu.launch.single",
    "whyrelu.launch.sweep",
    "whyrelu.report",
    "whyrelu.results.aggregation",
    "whyrelu.results.tables",
    "whyrelu.statistics",
    "whyrelu.theory.mean_field",
    "whyrelu.theory.tables",
    "whyrelu.runs.code_version",
    "whyrelu.runs.identity",
    "whyrelu.runs.plan",
    "whyrelu.runs.provenance",
    "whyrelu.runs.status",
    "whyrelu.runs.store",
    "whyrelu.tracking",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source that may be changed, taken for the original."""
    shutil.copytree(SOURCE / "whyrelu", tmp_path / "whyrelu", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(subject, "SOURCE", tmp_path)
    return tmp_path


def version() -> str:
    """The version now: within a process it is looked up once."""
    return code_version.__wrapped__()


def replace(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE | re.DOTALL)
    assert count == 1, f"{pattern} is not in {path.name}"
    path.write_text(text)


# the project's own code


def test_the_version_is_short_and_does_not_depend_on_where_the_code_is(tree: Path) -> None:
    assert re.fullmatch("[0-9a-f]{12}", version())
    assert version() == code_version()


def test_what_makes_results_is_in_the_closure_and_what_does_not_is_not() -> None:
    closure = set(import_closure(TRAINING_MODULES))
    assert closure >= MAKES_RESULTS
    assert not {name for name in closure if any(name == m or name.startswith(f"{m}.") for m in MAKES_NONE)}


def test_what_is_named_by_the_configuration_is_in_the_closure() -> None:
    closure = import_closure(TRAINING_MODULES)
    for group in ("activation", "model", "init", "norm", "optimizer"):
        for path in (CONFIG_DIRECTORY / group).glob("*.yaml"):
            module = OmegaConf.load(path)._target_.rpartition(".")[0]
            assert module in closure or not module.startswith("whyrelu"), path


def test_comments_docstrings_and_layout_do_not_count(tree: Path) -> None:
    model = tree / "whyrelu" / "network" / "model.py"
    replace(model, r'\A""".*?"""', '"""Another docstring."""\n\n# and a comment')
    replace(model, r'(class CNN\(nn.Module\):\n)    """.*?"""', r'\1    """Something else."""')
    replace(model, r'(def forward\(self, x: Tensor\) -> Tensor:\n)        """.*?"""\n', r"\1")
    replace(model, r"possible = 0\n    side", "possible = 0  # so far\n\n    # the shorter one\n    side")
    replace(model, r"min\(height, width\)", "min(\n        height,\n        width,\n    )")
    ast.parse(model.read_text())
    assert version() == code_version()


@pytest.mark.parametrize(
    ("file", "pattern", "replacement"),
    [
        ("network/model.py", r"^SMALLEST_MAP = 4$", "SMALLEST_MAP = 5"),
        ("network/model.py", r"kernel_size=3", "kernel_size=5"),
        ("training/fit.py", r"^CHANCE_LOSS_MARGIN = 0.02$", "CHANCE_LOSS_MARGIN = 0.03"),
        ("network/initialisation.py", r"Variances\(2 / fan_in", "Variances(3 / fan_in"),
        ("network/activations.py", r"4 \* torch.sigmoid\(x\) - 2", "4 * torch.sigmoid(x) - 1"),
        ("seeds.py", r">> 1", ">> 2"),
        ("theory/quadrature.py", r"^POINTS = 16$", "POINTS = 17"),
        ("data/augmentation.py", r"< 0.5", "<= 0.5"),
        ("data/normalisation.py", r"else 1.0", "else 2.0"),
        ("data/split.py", r"spawn_key=\(purpose,\)", "spawn_key=(purpose, 1)"),
    ],
)
def test_a_changed_constant_counts(tree: Path, file: str, pattern: str, replacement: str) -> None:
    replace(tree / "whyrelu" / file, pattern, replacement)
    assert version() != code_version()


def test_no_other_module_counts(tree: Path) -> None:
    closure = set(import_closure(TRAINING_MODULES).values())
    others = [path for path in (tree / "whyrelu").rglob("*.py") if path not in closure]
    assert len(others) > len(MAKES_NONE)
    for path in others:
        path.write_text(path.read_text() + "\nADDED = 1\n")
    assert version() == code_version()


def test_a_module_that_moves_counts(tree: Path) -> None:
    (tree / "whyrelu" / "seeds.py").rename(tree / "whyrelu" / "streams.py")
    for user in (("training", "fit.py"), ("network", "building.py")):
        replace(tree.joinpath("whyrelu", *user), "whyrelu.config.streams", "whyrelu.streams")
    assert version() != code_version()


def test_every_module_of_the_closure_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "top").mkdir()
    texts = {"__init__": "", "start": "from top import near", "near": "import top.far", "far": "A = 1", "apart": ""}
    for name, text in texts.items():
        (tmp_path / "top" / f"{name}.py").write_text(text)
    monkeypatch.setattr(subject, "SOURCE", tmp_path)
    monkeypatch.setattr(subject, "TRAINING_MODULES", ("top.start",))
    versions = {version()}
    for name in ("__init__", "start", "near", "far"):
        path = tmp_path / "top" / f"{name}.py"
        path.write_text(f"{path.read_text()}\nADDED = 1\n")
        versions.add(version())
    assert len(versions) == 5
    (tmp_path / "top" / "apart.py").write_text("ADDED = 1")
    assert version() in versions


def test_the_closure_follows_every_form_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "top/__init__.py": "from top import of_package",
        "top/start.py": """
            import os
            import top.plain, top.second as other
            from top import by_name, NOT_A_MODULE
            from top.inner.deep import thing
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from top import for_types
            def later():
                from top import within
            class Body:
                import top.in_class
            try:
                import top.tried
            except ImportError:
                import top.handled
        """,
        "top/inner/__init__.py": "",
        "top/inner/deep.py": "import top.start\nthing = 1",
        **{f"top/{name}.py": "" for name in ("plain", "second", "by_name", "for_types", "within", "in_class")},
        **{f"top/{name}.py": "" for name in ("tried", "handled", "of_package", "unused")},
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.setattr(subject, "SOURCE", tmp_path)
    found = import_closure(("top.start",))
    assert set(found) == {
        *("top", "top.start", "top.plain", "top.second", "top.by_name", "top.inner", "top.inner.deep"),
        *("top.within", "top.in_class", "top.tried", "top.handled", "top.of_package"),
    }
    assert found["top.inner"] == tmp_path / "top" / "inner" / "__init__.py"


def test_no_module_is_imported_relatively() -> None:
    # the closure does not follow `from .seeds import ...`
    for path in (SOURCE / "whyrelu").rglob("*.py"):
        assert not re.search(r"^\s*from \.", path.read_text(), re.MULTILINE), path


# a person's own code


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """Writes the files of a person's own module and returns the version of a target in it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def write(target: str, **files: str) -> str | None:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__init__', '-').replace('__', '/').replace('-', '__init__')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        return source_version.__wrapped__(target)

    return write


def test_a_module_in_the_working_folder_has_a_version(own: Callable[..., str | None]) -> None:
    first = own("own_one.wave", own_one="def wave(x):\n    return x\n")
    assert first is not None
    assert re.fullmatch("[0-9a-f]{12}", first)
    assert own("own_one.wave", own_one='"""New."""\n\n\ndef wave(x):\n    # same\n    return x\n') == first
    assert own("own_one.wave", own_one="def wave(x):\n    return 2 * x\n") != first


def test_all_of_a_package_counts(own: Callable[..., str | None]) -> None:
    files = {"own_package____init__": "", "own_package__waves": "def wave(x):\n    return x\n"}
    first = own("own_package.waves.wave", **files)
    assert first is not None
    assert own("own_package.waves.wave", own_package__helper="FACTOR = 1\n") != first
    second = own("own_package.waves.wave")
    assert own("own_package.waves.wave", own_package__helper="FACTOR = 2\n") != second


def test_a_folder_without_init_is_a_package_too(own: Callable[..., str | None]) -> None:
    first = own("own_folder.waves.wave", own_folder__waves="def wave(x):\n    return x\n")
    assert first is not None
    assert own("own_folder.waves.wave", own_folder__waves="def wave(x):\n    return 2 * x\n") != first


def test_a_module_with_a_mistake_is_left_to_the_import_to_report(own: Callable[..., str | None]) -> None:
    # the identity is asked for before anything is imported; a traceback of the parser would be all a person sees
    own("own_broken.wave", own_broken="def wave(x: return x")


@pytest.mark.parametrize(
    "target",
    [
        *("torch.nn.ReLU", "torch.tanh", "numpy.tanh", "math.sin", "sys.intern", "whyrelu.network.model.CNN"),
        "no_such_module_anywhere.f",
    ],
)
def test_what_is_installed_or_missing_has_no_version(target: str) -> None:
    assert source_version.__wrapped__(target) is None
