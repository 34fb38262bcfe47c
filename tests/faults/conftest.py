import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from faults_study import GRID, script, sweep, tables

Mount = Callable[[str], Path]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """The folder of a study that nothing has happened to, and its tables."""
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


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Make a small disk; the argument is its size, such as 2m."""
    places: list[Path] = []

    def make(size: str) -> Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"a disk cannot be mounted: {error}")
        if done.returncode != 0:
            pytest.skip(f"a disk cannot be mounted: {done.stderr.strip()}")
        places.append(place)
        return place

    yield make
    for place in places:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)
