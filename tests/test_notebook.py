"""The notebook: all of it runs, and what is committed is what it gives."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from notebooks.execute import NOTEBOOK, execute, read, sources_digest

DRAWING = ("functions", "learn", "gradients", "edge-gradients", "edge-learn", "turn")
ROOT = Path(__file__).resolve().parents[1]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(cell, kind):
    return [output.data[kind] for output in cell.get("outputs", []) if kind in output.get("data", {})]


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with a setting so small that it takes seconds, executed where there is no checkout."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = read(NOTEBOOK)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WHYRELU_TINY", "1")
        patched.setenv("PYTHONPATH", str(ROOT / "src"))
        execute(notebook, folder)
    return {cell.id: cell for cell in code_cells(notebook)}, folder


@pytest.mark.soak
def test_every_cell_runs(executed):
    cells, folder = executed
    assert [cell.execution_count for cell in cells.values()] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells.values() for output in cell.outputs)
    assert not [o.text for cell in cells.values() for o in cell.outputs if o.get("name") == "stderr"]
    assert {path.name for path in folder.iterdir()} == {"relu_vs_sigmoid"}


@pytest.mark.soak
def test_chi_by_hand_is_that_of_the_library(executed):
    cells, _ = executed
    (html,) = outputs_of(cells["chi"], "text/html")
    header = re.findall(r"<th>(.*?)</th>", html)
    rows = [dict(zip(header[1:], re.findall(r"<td>(.*?)</td>", row), strict=False)) for row in html.split("<tr>")[1:]]
    assert len(rows) == 2
    for row in rows:
        by_hand, of_library = float(row["chi by hand"]), float(row["chi of the library"])
        assert by_hand == pytest.approx(of_library, rel=0.05)


def test_the_committed_outputs_are_of_the_committed_cells():
    notebook = read(NOTEBOOK)
    nbformat.validate(notebook)
    advice = "the notebook changed after it was executed: make notebook"
    assert notebook.metadata.whyrelu.executed == sources_digest(notebook), advice
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), advice
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) > len(DRAWING)


def test_the_committed_outputs_tell_nothing_of_a_machine():
    notebook = read(NOTEBOOK)
    assert set(notebook.metadata) == {"colab", "kernelspec", "whyrelu"}
    for cell in code_cells(notebook):
        assert not cell.metadata
        texts = [
            printed(cell),
            *(str(v) for o in cell.outputs for k, v in o.get("data", {}).items() if "image" not in k),
        ]
        for text in texts:
            assert not re.search(r"(?<![\w.*<])/(?:home|root|tmp|usr|Users|content|work)\b", text), text
            assert not re.search(r"\d m?s\b", text), text
    assert NOTEBOOK.stat().st_size < 2_000_000


def install(folder, repository=""):
    """The first cell and what follows it, in a Python that does not know whyrelu."""
    (first, *_) = code_cells(read(NOTEBOOK))
    assert 'REPOSITORY = ""' in first.source
    source = first.source.replace('REPOSITORY = ""', f"REPOSITORY = {repository!r}")
    # packages are found, but no .pth file among them, of which one names this checkout
    environment = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    source += "\nimport whyrelu\nprint(whyrelu.__file__)\n"
    command = [sys.executable, "-S", "-c", source]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_in_a_checkout_nothing_is_installed():
    done = install(ROOT / "notebooks")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(ROOT / "src" / "whyrelu" / "__init__.py")


@pytest.mark.soak
def test_elsewhere_the_repository_is_cloned_and_found(tmp_path):
    origin, there = tmp_path / "origin", tmp_path / "there"
    (origin / "src" / "whyrelu").mkdir(parents=True)
    (origin / "src" / "whyrelu" / "__init__.py").write_text("")
    there.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(origin)]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run([*git, *command], check=True)
    for _ in range(2):
        done = install(there, origin.as_uri())
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == str(there / "whyrelu" / "src" / "whyrelu" / "__init__.py")
        assert [path.name for path in there.iterdir()] == ["whyrelu"]
