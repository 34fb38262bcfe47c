import shutil
from contextlib import chdir
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """The folder of a study that nothing has happened to, and its tables."""
    from faults_study import GRID, script, sweep, tables

    folder = tmp_path_factory.mktemp("undisturbed")
    with chdir(folder):
        sweep()
        script("theory.py", "-m", *GRID)
        return folder, tables()


@pytest.fixture
def study(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the working directory."""
    folder = tmp_path / "study"
    shutil.copytree(undisturbed[0], folder)
    monkeypatch.chdir(folder)
    return folder
