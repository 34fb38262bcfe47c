from pathlib import Path

import pytest
import yaml

from whyrelu.config.composition import CONFIG_DIRECTORY
from whyrelu.config.study import study_overrides
from whyrelu.errors import UserError

PARAMS = """
study: digits
grid:
  activation: relu,tanh
  depth: 2,4
  seed: range(0,10)
  more: init=pytorch,he norm=none,batch
data: data.url='file:///a place/x.tar.gz'
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_study_is_the_command_line_of_its_sweep(tmp_path: Path) -> None:
    assert study_overrides(write(tmp_path / "params.yaml", PARAMS)) == [
        "experiment=digits",
        "activation=relu,tanh",
        "depth=2,4",
        "seed=range(0,10)",
        "init=pytorch,he",
        "norm=none,batch",
        "data.url=file:///a place/x.tar.gz",
    ]


def test_single_numbers_need_no_quotes(tmp_path: Path) -> None:
    text = PARAMS.replace("depth: 2,4", "depth: 8").replace("seed: range(0,10)", "seed: 0")
    assert study_overrides(write(tmp_path / "params.yaml", text))[2:4] == ["depth=8", "seed=0"]


@pytest.mark.parametrize("empty", ['""', ""])
def test_what_is_empty_adds_nothing(tmp_path: Path, empty: str) -> None:
    lines = PARAMS.splitlines()
    text = "\n".join(
        line.partition(":")[0] + f": {empty}" if line.strip().startswith(("more", "data")) else line for line in lines
    )
    found = study_overrides(write(tmp_path / "params.yaml", text))
    assert found == ["experiment=digits", "activation=relu,tanh", "depth=2,4", "seed=range(0,10)"]


def test_the_study_of_this_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFIG_DIRECTORY.parent)
    params = yaml.safe_load(Path("params.yaml").read_text())
    assert study_overrides()[:2] == [f"experiment={params['study']}", f"activation={params['grid']['activation']}"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "[1, 2]", "study: digits", "study: digits\ngrid: relu\ndata: ''\n", "study: [\n", "a: b: c"),
        PARAMS.replace("  depth: 2,4\n", ""),
        PARAMS.replace("init=pytorch,he", "init='pytorch,he"),
        PARAMS.replace("more: init=pytorch,he norm=none,batch", "more: [init=he]"),
    ],
)
def test_a_file_that_is_no_study_is_told_with_what_it_needs(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "params.yaml", text)
    with pytest.raises(UserError) as caught:
        study_overrides(path)
    assert str(caught.value).startswith(f"{path} is not a study: ")
    assert str(caught.value).endswith("it needs study, grid (activation, depth, seed, more) and data")


def test_an_axis_that_would_be_passed_over_is_told(tmp_path: Path) -> None:
    # only the axes that are named reach the sweep; any other belongs in `more`
    path = write(tmp_path / "params.yaml", PARAMS.replace("  depth: 2,4\n", "  depth: 2,4\n  width: 8,16\n"))
    with pytest.raises(UserError, match="width"):
        study_overrides(path)


@pytest.mark.parametrize("name", ["../tests", "..", ".hidden", "a/b", "/tmp/x", "a b", "x;touch y", "", "$(id)"])
def test_a_study_is_named_like_a_folder(tmp_path: Path, name: str) -> None:
    # DVC removes reports/<study> before it has a stage make it
    path = write(tmp_path / "params.yaml", PARAMS.replace("study: digits", f"study: {name!r}"))
    with pytest.raises(UserError, match="becomes the name of folders"):
        study_overrides(path)


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^cannot read .*: No such file or directory; run this in the project's folder$"
    ):
        study_overrides(tmp_path / "params.yaml")
