"""Every command in a fenced sh block of the pages works: its settings compose, its target or study exists.

"Bring your own" needs the files that it shows, and is typed by test_bring_your_own.py.
"""

import re
import shlex

import pytest

from documented import ROOT, commands, section
from sound_pages import links_lead_somewhere
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


COMMANDS = [(page, command) for page in PAGES for command in documented(page)]


def test_pages_are_read() -> None:
    assert ("docs/usage.md", "python src/train.py activation=gelu depth=8 seed=3") in COMMANDS
    assert {"README.md", "CONTRIBUTING.md", "docs/usage.md", "docs/launchers.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value)
def test_a_documented_command_is_one_that_works(page: str, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif words[0] == "python" and words[1].startswith("src/"):
        assert (ROOT / words[1]).is_file()
        script = words[1].removeprefix("src/").removesuffix(".py")
        settings = [word for word in words[2:] if word != "-m"]
        if script in ("train", "theory") and "-m" not in words:
            assert compose(settings)
        elif script not in _OF_TABLES:
            assert compose_grid(settings)
    elif words[:3] == ["dvc", "exp", "run"]:
        changed = dict(word.split("=", 1) for word in words[3:] if "=" in word)
        assert set(changed) <= {"study", "overrides"}
        overrides = shlex.split(changed.get("overrides", "").strip('"'))
        assert compose_grid([f"experiment={changed.get('study', 'digits')}", *overrides, "activation=relu"])
    else:
        assert _OTHERS.match(command), f"{page} has a command that nothing checks: {command}"


@pytest.mark.parametrize("page", [page for page in PAGES if "](" in (ROOT / page).read_text()])
def test_links_lead_somewhere(page: str) -> None:
    links_lead_somewhere(ROOT / page)
