from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synthetic import make_records
from synthetic_layers import write_tables
from synthetic_timing import make_timing
from whyrelu.errors import UserError
from whyrelu.results.comparison import compare
from whyrelu.timing.stage import write_timing

SCRIPT = Path(__file__).resolve().parents[2] / "src" / "compare.py"


def results_in(folder: Path, ratio: float | None) -> Path:
    """A decided study on a machine on which sigmoid takes so many times as long."""
    directory = folder / "results" / "synthetic"
    directory.mkdir(parents=True)
    if ratio is not None:
        write_timing(make_timing({"relu": 1.0, "sigmoid": ratio}), directory / "timing.json")
    write_tables(make_records(["relu", "sigmoid"], depths=[2, 4]), directory, level="off", decided=True)
    return directory


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same study on two machines."""
    folder = tmp_path_factory.mktemp("machines")
    return results_in(folder / "first", 3.0), results_in(folder / "second", 1.0)


def test_times_and_what_depends_on_them_make_no_difference(pair: tuple[Path, Path]) -> None:
    first, second = pair
    differing = {path.name for path in first.iterdir() if path.read_bytes() != (second / path.name).read_bytes()}
    # nothing else may hold a time
    assert differing == {"timing.json", "claims.json", "contrasts.parquet", "metrics.json"}
    assert compare(first, second).differences == []


def test_anything_else_does(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = pair
    changed = tmp_path / "changed"
    shutil.copytree(second, changed)
    for name, edit in {
        "claims.json": lambda claims: claims[0].update(evidence="otherwise"),
        "metrics.json": lambda metrics: metrics.update(failed=-1),
        "provenance.json": lambda facts: facts.update(runs=-1),
    }.items():
        content = json.loads((changed / name).read_text())
        edit(content)
        (changed / name).write_text(json.dumps(content))
    (changed / "curves.csv").unlink()
    (changed / "further.csv").write_text("")
    assert compare(first, changed).differences == [
        "claims.json differs",
        "curves.csv is in the first only",
        "further.csv is in the second only",
        "metrics.json differs",
        "provenance.json differs",
    ]


def test_a_folder_that_is_missing_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*nowhere"):
        compare(pair[0], tmp_path / "nowhere")


def test_the_command_leaves_with_an_error_if_anything_differs(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = pair
    command = [sys.executable, str(SCRIPT), "synthetic", str(second.parents[1])]
    same = subprocess.run(command, cwd=first.parents[1], capture_output=True, text=True, check=False)
    assert (same.returncode, same.stdout) == (0, "the same, times aside\n"), same.stderr
    other = tmp_path / "other" / "results" / "synthetic"
    shutil.copytree(second, other)
    (other / "curves.csv").write_text("")
    command[-1] = str(tmp_path / "other")
    differs = subprocess.run(command, cwd=first.parents[1], capture_output=True, text=True, check=False)
    assert (differs.returncode, differs.stderr) == (1, "error: curves.csv differs\n")
