"""Every command in a fenced sh block of the pages can be understood; `make soak` types them as they stand.

The section "Bring your own" of the README is typed by test_bring_your_own.py.
"""

import re
import shlex

import pytest

from documented import ROOT, checkout, commands, section, typed
from whyrelu.config.grid import compose_grid

PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
# What is not typed: it takes too long, asks the network, runs until it is stopped, or needs a cluster.
NOT_TYPED = ("git clone", "make ", "dvc exp run", "dvc repro", "hydra/launcher=")
# What makes a command shorter, by what is in it; the settings of the copy are small already.
SHORTER = {
    "'activation=glob(*)'": "seed=0 init=critical norm=none",
    "python src/tune.py": "depth=4",
    "python src/train.py -m activation=relu,sigmoid": "depth=4",
}


def documented(page):
    """Commands of a page that are to be typed here, with one space between words."""
    text = (ROOT / page).read_text()
    return [re.sub(r"\s+", " ", line) for line in commands(text.replace(section(text, "Bring your own"), ""))]


COMMANDS = [command for page in PAGES for command in documented(page)]


def test_pages_are_read():
    assert "python src/train.py activation=gelu depth=8 seed=3" in documented("README.md")
    assert len(COMMANDS) > 15
    assert all(any(part in command for command in COMMANDS) for part in (*NOT_TYPED, *SHORTER))


def test_every_target_of_make_is_there():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {command.split()[1] for command in COMMANDS if command.startswith("make ")}
    assert named and named <= targets


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("python src/")])
def test_settings_of_a_command_are_a_grid_of_runs(command):
    shorter = " ".join(text for part, text in SHORTER.items() if part in command)
    _, script, *words = shlex.split(f"{command} {shorter}")
    assert (ROOT / script).is_file()
    # what is said to the launcher or the sweeper is Hydra's
    settings = [word for word in words if word != "-m" and not word.startswith("hydra")]
    assert all("=" in word for word in settings)
    assert compose_grid(settings)


def test_what_is_set_for_an_experiment_is_a_study_or_settings_of_it():
    found = [shlex.split(command)[4] for command in COMMANDS if command.startswith("dvc exp run -S")]
    assert {setting.partition("=")[0] for setting in found} == {"study", "overrides"}
    for key, _, value in (setting.partition("=") for setting in found):
        if key == "study":
            assert (ROOT / f"conf/experiment/{value}.yaml").is_file()
        else:
            assert compose_grid(["experiment=digits", "activation=relu", *shlex.split(value.strip('"'))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("documented") / "checkout")


@pytest.mark.soak
@pytest.mark.parametrize("page", [page for page in PAGES if documented(page)])
def test_commands_of_a_page_work_as_they_stand(page, folder):
    # in their order and in one shell, as a reader types them
    lines = [command for command in documented(page) if not any(part in command for part in NOT_TYPED)]
    typed(folder, lines, SHORTER)
