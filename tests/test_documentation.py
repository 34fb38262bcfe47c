"""Every command in a fenced sh block of the pages is typed as it stands, or is excused with a reason and a check.

The section "Bring your own" of the README is typed by test_bring_your_own.py.
"""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from documented import ROOT, checkout, commands, section, typed
from whyrelu.config.grid import compose_grid
from whyrelu.config.study import study_overrides

PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]


def is_target(command: str, folder: Path) -> None:
    """Make knows what to do."""
    assert typed(folder, [f"make --dry-run {command.removeprefix('make ')}"])


def is_in_ci(command: str, folder: Path) -> None:
    """CI does it whole."""
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def would_run(command: str, folder: Path) -> None:
    """The study of params.yaml, with what `dvc exp run -S` sets in it, is a grid of runs; DVC itself runs in CI."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for key, _, value in (setting.partition("=") for setting in shlex.split(command) if "=" in setting):
        outer, _, inner = key.rpartition(".")
        place = params[outer] if outer else params
        assert inner in place
        place[inner] = yaml.safe_load(value)
    path = folder / "params.changed.yaml"
    path.write_text(yaml.safe_dump(params))
    assert {job.config["study"] for job in compose_grid(study_overrides(path))} == {params["study"]}


def can_be_composed(command: str, folder: Path) -> None:
    """The settings are a grid of runs."""
    assert compose_grid([word for word in shlex.split(command)[2:] if word != "-m"])


# What a test cannot do, why, and what it does instead
EXCUSED = {
    "git clone <this repository> && cd whyrelu": ("the address is where the reader found it", None),
    "make reproduce": ("12 to 25 minutes; CI does it after the tests", is_in_ci),
    "make test": ("it is what runs this test", is_in_ci),
    "make bench": ("twenty minutes with nothing else running; its parts: tests/benchmarks", is_target),
    "make notebook": ("minutes; the notebook itself: tests/test_notebook.py", is_target),
    "make lock": ("asks package indexes", is_target),
    "make mlflow": ("runs until it is stopped: tests/faults/test_security.py", is_target),
    "dvc exp run -S study=cifar10": ("downloads CIFAR-10 and takes a GPU or patience", would_run),
    "dvc exp run -S 'grid.depth=\"2,4,8,16,24\"'": ("a whole study", would_run),
    "dvc repro": ("a whole study, which is make reproduce", would_run),
    "python src/train.py -m hydra/launcher=ray activation=relu,sigmoid depth=4,8,16": (
        "starts a cluster: tests/launch/test_launchers.py trains through one",
        can_be_composed,
    ),
    "python src/train.py -m hydra/launcher=ray hydra.launcher.address=auto depth=4,8,16": (
        "needs a cluster of Ray",
        can_be_composed,
    ),
    "python src/train.py -m hydra/launcher=submitit_slurm hydra.launcher.jobs=20 hydra.launcher.slurm_partition=cpu "
    "activation=relu,sigmoid depth=4,8,16 'seed=range(0,10)'": ("needs Slurm", can_be_composed),
}
# What makes a command shorter, by what is in it; the settings of the copy are small already
SHORTER = {
    "'activation=glob(*)'": "seed=0 init=critical norm=none",
    "python src/tune.py": "depth=4",
    "python src/train.py -m experiment=digits": "depth=4 seed=0,1",
    "python src/train.py -m activation=relu,sigmoid": "depth=4",
}


def documented(page: str) -> list[str]:
    """Commands of a page that are to be typed here, with one space between words."""
    text = (ROOT / page).read_text()
    return [re.sub(r"\s+", " ", line) for line in commands(text.replace(section(text, "Bring your own"), ""))]


def test_pages_are_read():
    assert {"README.md", "CONTRIBUTING.md", "docs/launchers.md"} <= {page for page in PAGES if documented(page)}
    # what `documented` takes from a page is what a person sees there
    assert "python src/train.py activation=gelu depth=8 seed=3" in documented("README.md")


def test_every_excuse_is_of_a_command_that_a_page_has():
    assert set(EXCUSED) <= {command for page in PAGES for command in documented(page)}


def test_what_makes_commands_shorter_is_of_use():
    typed_here = [command for page in PAGES for command in documented(page) if command not in EXCUSED]
    assert all(any(part in command for command in typed_here) for part in SHORTER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("documented") / "checkout")


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if documented(page)])
def test_commands_of_a_page_work_as_they_stand(page, folder):
    found = documented(page)
    # in their order and in one shell, as a reader types them
    if lines := [command for command in found if command not in EXCUSED]:
        typed(folder, lines, SHORTER)
    for command in found:
        _, check = EXCUSED.get(command, ("", None))
        if check is not None:
            check(command, folder)
