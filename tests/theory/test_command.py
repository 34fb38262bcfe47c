"""The command `python src/theory.py`, in this process."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = str(Path(__file__).resolve().parents[2] / "src" / "theory.py")


@pytest.fixture
def theory(tmp_path, monkeypatch, capsys):
    """Types the command in an empty folder and returns what it prints."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [SCRIPT, *arguments])
        runpy.run_path(SCRIPT, run_name="__main__")
        return capsys.readouterr().out

    return run


def test_a_prediction_has_a_row_per_layer(theory):
    assert [line.split()[0] for line in theory("depth=3").splitlines()[-3:]] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["depth=2,4"], "add -m"),
        (["-m", "study=a,b"], "several folders"),
        (["activation._target_=torch.nn.Softmax2d"], "not a function of single numbers"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(theory, capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        theory(*arguments)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
