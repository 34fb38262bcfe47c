import subprocess
import sys

import pytest
from whyrelu.config.composition import compose_grid

from benchmarks import sweep
from benchmarks.options import Options
from benchmarks.processes import ROOT, environment
from benchmarks.setting import Setting
from whyrelu.errors import UserError


def test_the_command_line_narrows_what_is_measured():
    options = Options.parse(["depth=7", "precision=bf16-mixed", "threads=1,2", "epochs=1", "repetitions=5"])
    assert options.settings() == [Setting(7, "bf16-mixed", threads, 1280, 1) for threads in (1, 2)]
    assert options.repetitions == 5


def test_quick_measures_one_depth_with_one_thread():
    assert {(each.depth, each.threads) for each in Options.parse([], quick=True).settings()} == {(4, 1)}
    assert {each.depth for each in Options.parse(["depth=16"], quick=True).settings()} == {16}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("depht=4", "did you mean 'depth'"),
        ("depth=four", "depth must be a whole number above 0, not 'four'"),
        ("repetitions=0", "repetitions must be a whole number"),
        ("precision=bf16", "did you mean 'bf16-mixed'"),
        ("parts=sweeps", "did you mean 'sweep'"),
    ],
)
def test_what_is_not_valid_is_named(override, message):
    with pytest.raises(UserError, match=message):
        Options.parse([override])


def test_the_sweep_of_whyrelu_is_one_that_a_person_would_type(data, tmp_path):
    command = sweep.command_of("ours", data, tmp_path / "runs", "bf16-mixed", 2, 256, tmp_path / "mlflow.db")
    assert command[1:3] == [str(ROOT / "src/train.py"), "-m"]
    jobs = compose_grid(command[3:])
    points = {(job.config["activation"]["name"], job.config["depth"], job.config["seed"]) for job in jobs}
    assert len(jobs) == len(points) == sweep.RUNS
    for job in jobs:
        assert job.config["precision"] == "bf16-mixed"
        assert job.config["trainer"]["threads"] == 1
        assert job.config["diagnostics"]["epochs"] == "none"
        assert job.config["mlflow"]["tracking_uri"].endswith("mlflow.db")


@pytest.mark.slow
def test_the_template_sweeps_through_hydra(data, tmp_path):
    command = sweep.command_of("template", data, tmp_path, "32-true", 1, 256, tmp_path)
    small = ["depth=1,2", "activation=relu", "seed=0", "validation=20", "threads=1"]
    subprocess.run([*command, *small], env=environment(), cwd=ROOT, check=True, capture_output=True)
    assert len(list(tmp_path.glob("**/metrics.csv"))) == len(list(tmp_path.glob("**/*.ckpt"))) == 2


def test_help_says_what_to_type():
    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--help"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "--quick depth=4" in done.stdout
