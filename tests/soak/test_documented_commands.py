"""Every command in a fenced sh block of the pages is typed as it stands, in a copy of the project with small settings.

What cannot be typed in a test is excused, with a reason.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soak.sweeps import PATIENCE

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
# In the copy networks and data are as small as they may be, so that commands can be typed as they stand.
SMALLER = {
    "conf/trainer/cpu.yaml": {r"max_epochs: \d+": "max_epochs: 1"},
    "conf/data/digits.yaml": {r"(validation_size: \d+)": r"\1\ntrain_size: 64"},
    "conf/train.yaml": {
        r"\nwidth: \d+": "\nwidth: 2",
        "sqlite:///mlflow.db": "null",
        r"  seeds: \d+": "  seeds: 1",
        r"  extensions: \d+": "  extensions: 0",
    },
    "conf/experiment/digits.yaml": {
        r"width: \d+": "width: 2",
        r"max_epochs: \d+": "max_epochs: 1",
        r"seeds: \d+": "seeds: 1",
        r"depth: 2,4,8,16": "depth: 2,4",
        r"seed: range\(0,10\)": "seed: 0,1",
    },
    "conf/timing/quick.yaml": {
        r"seconds: \d+": "seconds: 1",
        r"sizes: \[.*\]": "sizes: [4096]",
        r"widths: \[.*\]": "widths: [2, 4]",
        r"wait: \d+": "wait: 0",
    },
}
# What a test cannot type, by how it begins, and why.
EXCUSED = {
    "git clone": "the address is where the reader found it",
    "make reproduce": "CI does it",
    "make test": "CI does it",
    "make soak": "it is what runs this test",
    "make bench": "twenty minutes with nothing else running",
    "make notebook": "minutes",
    "make lock": "asks package indexes",
    "make audit": "asks an index of vulnerabilities",
    "make mlflow": "runs until it is stopped",
    "dvc repro": "a whole study; CI does it",
    "dvc exp run": "whole studies",
    "dvc plots": "its pages need the network",
    "dvc metrics show": "of the study that dvc made",
    "python src/train.py -m hydra/launcher=submitit_slurm": "needs Slurm",
    "python src/train.py -m hydra/launcher=ray hydra.launcher.ray.init.address=auto": "needs a cluster",
}
# What makes a command shorter, by what is in it.
SHORTER = {"'activation=glob(*)'": "seed=0 init=critical norm=none"}


def blocks(text: str, *languages: str) -> list[str]:
    """What stands in the fenced blocks of these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [content for language, content in found if language in languages]


def commands(text: str) -> list[str]:
    """Every line of the fenced sh blocks as one command, without comments; a line may go on after a backslash."""
    lines = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    bare = [re.sub(r"\s+#.*", "", line).rstrip() for line in lines]
    return [re.sub(r"(?<=\S) +", " ", line) for line in bare if line]


def is_excused(command: str) -> bool:
    return any(command.startswith(beginning) for beginning in EXCUSED)


def as_typed(command: str) -> str:
    added = [text for part, text in SHORTER.items() if part in command]
    return " ".join([command, *added])


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with small settings, a repository of its own, and this environment as its .venv."""
    folder = tmp_path_factory.mktemp("documented") / "checkout"
    for name in filter(None, git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for name, changes in SMALLER.items():
        text = (folder / name).read_text()
        for before, after in changes.items():
            text, count = re.subn(before, after, text, count=1)
            assert count == 1, f"{name} has no {before!r}"
        (folder / name).write_text(text)
    (folder / ".venv").symlink_to(sys.prefix)
    # or make would empty the environment to install a lock that it takes for newer
    os.utime(folder / "requirements.lock", (0, 0))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=Copy")
    return folder


def write_files(text: str, folder: Path) -> None:
    """Write the files of a page: blocks of Python or YAML whose first line names one, `# conf/init/mine.yaml`."""
    for content in blocks(text, "python", "yaml"):
        named = re.match(r"# ([\w./]+\.(?:py|yaml))\n", content)
        if named is not None:
            (folder / named[1]).write_text(content)


def write_photos(folder: Path) -> None:
    """A folder of images, as the README's example of a person's own data wants it."""
    draws = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (folder / "photos" / name).mkdir(parents=True, exist_ok=True)
        for number in range(100):
            pixels = draws.integers(100 * label, 100 * label + 156, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")


def test_pages_are_read() -> None:
    found = [command for page in PAGES for command in commands((ROOT / page).read_text())]
    assert "python src/train.py activation=gelu depth=8 seed=3" in found


@pytest.mark.parametrize("page", [page for page in PAGES if commands((ROOT / page).read_text())])
def test_commands_of_a_page_work_as_they_stand(page: str, checkout: Path) -> None:
    text = (ROOT / page).read_text()
    write_files(text, checkout)
    write_photos(checkout)
    # one shell, in their order, as a reader types them
    lines = [as_typed(command) for command in commands(text) if not is_excused(command)]
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", "\n".join(lines)],
        cwd=checkout,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(checkout / "src"), "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 5,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
