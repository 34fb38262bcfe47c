"""The shape of the house: packages import each other in one direction, and dvc.yaml names what exists."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "whyrelu"
# Each builds on those before it; theory and tuning stand beside them.
STAGES = ["config", "data", "network", "training", "runs", "results", "claims", "report"]


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a module imports when it runs, in functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        yield from imported(node)


def package_of(module: str) -> str:
    """The package of a module of whyrelu; a module directly in it is one of its own."""
    return module.split(".")[1] if "." in module else module


def graph() -> dict[str, set[str]]:
    """The packages that each package imports."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        names = (name for name in imported(ast.parse(path.read_text())) if name.startswith("whyrelu."))
        found.setdefault(own, set()).update({package_of(name) for name in names} - {own})
    return found


def reached(package: str, packages: dict[str, set[str]]) -> set[str]:
    """All that a package imports, directly or not."""
    direct = packages[package]
    return direct.union(*(reached(name, packages) for name in direct))


def test_packages_import_each_other_in_one_direction() -> None:
    packages = graph()
    assert {"claims", "files"} <= packages["report"]
    try:
        TopologicalSorter(packages).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {' <- '.join(error.args[1])}")
    for later, earlier in pairwise(reversed(STAGES)):
        assert later not in reached(earlier, packages), f"{earlier} imports {later}"
    assert packages["statistics"] <= {"errors"}
    assert not {"tuning", "theory"} & reached("results", packages)


# the pipeline


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    study = yaml.safe_load((ROOT / "params.yaml").read_text())["study"]
    return yaml.safe_load((ROOT / "dvc.yaml").read_text().replace("${study}", study))["stages"]  # type: ignore[no-any-return]


def outputs(stage: dict[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        yield from (out if isinstance(out, str) else next(iter(out)) for out in stage.get(kind, []))


def test_what_a_stage_depends_on_exists_or_is_made_by_another(stages: dict[str, Any]) -> None:
    made = {out for stage in stages.values() for out in outputs(stage)}
    for name, stage in stages.items():
        script, *_ = [word for word in stage["cmd"].split() if word.endswith(".py")]
        assert (ROOT / script).is_file(), name
        for dependency in stage["deps"]:
            inside = any(out.startswith(f"{dependency}/") for out in made)
            assert dependency in made or inside or (ROOT / dependency).exists(), f"{name} depends on {dependency}"


def test_every_committed_result_is_the_output_of_one_stage(stages: dict[str, Any]) -> None:
    listed = [out for stage in stages.values() for out in outputs(stage)]
    assert len(listed) == len(set(listed))
    written = {path for path in listed if path.startswith("results/digits/")}
    assert written == {str(path.relative_to(ROOT)) for path in (ROOT / "results" / "digits").iterdir()}


def test_dvc_reads_the_pipeline_in_its_order(stages: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "dvc", "repro", "--dry", "--force"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f"'{name}'") for name in stages]
    assert places == sorted(places)
