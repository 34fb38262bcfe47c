"""Every command in a fenced sh block of the pages is typed as it stands, in a copy of the project with small settings.

What cannot be typed in a test is excused, with a reason.
"""

from pathlib import Path

import pytest

from documented import ROOT, checkout, commands, typed, write_files, write_photos
from typed import PATIENCE

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
# What a test cannot type, by how it begins, and why.
EXCUSED = {
    "git clone": "the address is where the reader found it",
    "make reproduce": "CI does it",
    "make test": "CI does it",
    "make soak": "it is what runs this test",
    "make bench": "forty minutes with nothing else running",
    "make notebook": "minutes",
    "make lock": "asks package indexes",
    "make audit": "asks an index of vulnerabilities",
    "make mlflow": "runs until it is stopped",
    "dvc repro": "a whole study; CI does it",
    "dvc exp run": "whole studies",
    "dvc plots": "its pages need the network",
    "dvc metrics show": "of the study that dvc made",
    "python src/train.py -m hydra/launcher=submitit_slurm": "needs Slurm",
}
# What makes a command shorter, by what is in it.
SHORTER = {"'activation=glob(*)'": "seed=0 init=variance norm=none"}


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("documented") / "checkout")


@pytest.mark.parametrize("page", [page for page in PAGES if commands((ROOT / page).read_text())])
def test_commands_of_a_page_work_as_they_stand(page: str, copy: Path) -> None:
    text = (ROOT / page).read_text()
    write_files(text, copy)
    write_photos(copy)
    # one shell, in their order, as a reader types them
    lines = [command for command in commands(text) if not command.startswith(tuple(EXCUSED))]
    typed(copy, lines, SHORTER, PATIENCE * 5)
