"""What the pages of the project tell a person to type, and a copy of the project in which it can be typed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from typed import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
# In the copy networks and data are as small as they may be, so that commands can be typed as they stand.
_SMALLER = {
    "conf/trainer/cpu.yaml": {r"max_epochs: \d+": "max_epochs: 1"},
    "conf/data/digits.yaml": {r"(validation_size: \d+)": r"\1\ntrain_size: 64"},
    "conf/train.yaml": {
        r"\nwidth: \d+": "\nwidth: 2",
        "sqlite:///mlflow.db": "null",
        r"  seeds: \d+": "  seeds: 1",
        r"  confirm_seeds: \d+": "  confirm_seeds: 1",
        r"  extensions: \d+": "  extensions: 0",
    },
    "conf/experiment/digits.yaml": {
        r"width: \d+": "width: 2",
        r"max_epochs: \d+": "max_epochs: 1",
        r"depth: 4,8,16": "depth: 4,8",
        r"seed: range\(0,6\)": "seed: 0,1",
    },
    "conf/timing/quick.yaml": {
        r"seconds: \d+": "seconds: 1",
        r"sizes: \[.*\]": "sizes: [4096]",
        r"widths: \[.*\]": "widths: [2, 4]",
    },
}


def blocks(text: str, *languages: str) -> list[str]:
    """What stands in the fenced blocks of these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [content for language, content in found if language in languages]


def commands(text: str) -> list[str]:
    """Every line of the fenced sh blocks as one command, without comments; a line may go on after a backslash."""
    lines = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    bare = [re.sub(r"\s+#.*", "", line).rstrip() for line in lines]
    return [re.sub(r"(?<=\S) +", " ", line) for line in bare if line]


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level; empty if there is none."""
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def write_files(text: str, folder: Path) -> list[str]:
    """Write the files of a page: blocks of Python or YAML whose first line names one, `# conf/init/mine.yaml`."""
    names = []
    for content in blocks(text, "python", "yaml"):
        named = re.match(r"# ([\w./]+\.(?:py|yaml))\n", content)
        if named is not None:
            (folder / named[1]).write_text(content)
            names.append(named[1])
    return names


def write_photos(folder: Path) -> None:
    """A folder of images, as the README's example of a person's own data wants it."""
    draws = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (folder / "photos" / name).mkdir(parents=True, exist_ok=True)
        for number in range(100):
            pixels = draws.integers(100 * label, 100 * label + 156, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")


def checkout(folder: Path) -> Path:
    """A copy of the project with small settings, a repository of its own, and this environment as its .venv."""
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for name, changes in _SMALLER.items():
        text = (folder / name).read_text()
        for before, after in changes.items():
            text, count = re.subn(before, after, text, count=1)
            assert count == 1, f"{name} has no {before!r}"
        (folder / name).write_text(text)
    (folder / ".venv").symlink_to(sys.prefix)
    # or make would empty the environment to install a lock that it takes for newer
    os.utime(folder / "requirements.lock", (0, 0))
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=Copy")
    return folder


def typed(folder: Path, lines: list[str], further: Mapping[str, str] | None = None, patience: float = PATIENCE) -> str:
    """Type lines into one shell, which stops at the first that goes wrong, within some seconds; what they printed.

    `further` are settings that are added behind lines, by what is in them.
    """
    added = [" ".join([line, *(text for part, text in (further or {}).items() if part in line)]) for line in lines]
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", "\n".join(added)],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(folder / "src"), "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout
