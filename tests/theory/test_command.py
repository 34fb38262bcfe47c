"""The command `python src/theory.py`, in this process."""

import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = str(Path(__file__).resolve().parents[2] / "src" / "theory.py")


@pytest.fixture
def theory(tmp_path, monkeypatch, capsys):
    """Types the command in an empty folder and returns what it prints."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", [SCRIPT, *arguments])
        runpy.run_path(SCRIPT, run_name="__main__")
        return capsys.readouterr().out

    return run


def test_several_runs_are_written_to_the_tables_of_their_study(theory, tmp_path):
    assert "4 cells -> results/digits/theory.parquet" in theory("-m", "activation=relu,tanh", "depth=1,2", "seed=0,1")
    assert len(pd.read_parquet(tmp_path / "results/digits/theory.parquet")) == 6


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
