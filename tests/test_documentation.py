"""Every command in a fenced sh block of the pages is one that works: its settings compose, its target or study exists.

The section "Bring your own" of the README needs the files it shows, and is typed by test_bring_your_own.py.
"""

import re
import shlex

import pytest

from documented import ROOT, commands, section
from whyrelu.config.grid import compose, compose_grid

PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
# Scripts that take no settings.
_OF_TABLES = ("compare", "decide", "report", "reproduce")
# Commands of programs that have nothing to check here.
_OTHERS = re.compile(r"(git|\.|uv|pip|ray|mlflow) |dvc (repro|metrics|plots|exp show)")


def documented(page: str) -> list[str]:
    """Commands of a page, with one space between words."""
    text = (ROOT / page).read_text()
    return [re.sub(r"\s+", " ", line) for line in commands(text.replace(section(text, "Bring your own"), ""))]


def composes(words: list[str]) -> None:
    """The settings are one run, or a grid where that is asked for."""
    script = words[0]
    # a tenth of a second for each activation is enough for a few
    settings = [word.replace("glob(*)", "glob(h*)") for word in words[1:] if word != "-m"]
    if "-m" in words or script not in ("src/train.py", "src/theory.py"):
        assert compose_grid(settings)
    else:
        assert compose(settings)


COMMANDS = [(page, command) for page in PAGES for command in documented(page)]


def test_pages_are_read() -> None:
    assert ("README.md", "python src/train.py activation=gelu depth=8 seed=3") in COMMANDS
    assert {"README.md", "CONTRIBUTING.md", "docs/usage.md", "docs/launchers.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value)
def test_a_documented_command_is_one_that_works(page: str, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif words[:2] == ["python", words[1]] and words[1].startswith("src/"):
        assert (ROOT / words[1]).is_file()
        if words[1].removeprefix("src/").removesuffix(".py") not in _OF_TABLES:
            composes(words[1:])
    elif words[:3] == ["dvc", "exp", "run"]:
        changed = dict(word.split("=", 1) for word in words[3:] if "=" in word)
        assert set(changed) <= {"study", "overrides"}
        overrides = shlex.split(changed.get("overrides", "").strip('"'))
        assert compose_grid([f"experiment={changed.get('study', 'digits')}", *overrides, "activation=relu"])
    else:
        assert _OTHERS.match(command), f"{page} has a command that nothing checks: {command}"
