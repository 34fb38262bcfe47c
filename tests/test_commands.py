"""The commands of the README, as typed, in an empty folder."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from typed import python

OFF = "mlflow.tracking_uri=null"
TINY = ["trainer.max_epochs=2", "data.train_size=64", "width=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands are typed; the prepared data is shared between tests."""
    return tmp_path_factory.mktemp("checkout")


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that went wrong."""
    assert done.returncode not in (0, None), done.stdout
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def records(root: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_text()) for path in root.glob("*/run.json")}


def comparable(root: Path) -> dict[str, dict]:
    """The records of a run store without times and counts of starts, as bytes that must repeat."""
    kept = {}
    for identity, record in records(root).items():
        for key in ("train_seconds", "samples_per_second"):
            record["metrics"].pop(key)
        for key in ("started", "seconds", "attempts"):
            record["provenance"].pop(key)
        record["config"].pop("run_root")
        record.pop("checksum")
        kept[identity] = record
    return kept


def test_one_run(folder):
    done = python(folder, "train.py", "seed=0", "depth=2", *TINY, "run_root=one", OFF)
    assert done.returncode == 0, done.stderr
    path = re.search(r"(\S+/run\.json)", done.stdout)
    assert path is not None
    record = json.loads((folder / path[1]).read_text())
    assert (record["status"], record["config"]["seed"]) == ("completed", 0)


def test_any_callable_is_an_activation(folder):
    (folder / "mine.py").write_text("def cube(x):\n    return x**3\n")
    targets = "activation._target_=torch.nn.Hardshrink,torch.tanh,mine.cube"
    done = python(folder, "train.py", "-m", targets, "depth=2", *TINY, "run_root=callables", OFF)
    assert done.returncode == 0, done.stderr
    names = {record["factors"]["activation"] for record in records(folder / "callables").values()}
    assert names == {"Hardshrink", "tanh", "mine.cube"}


def test_a_person_can_change_their_own_activation_and_gets_a_new_run(folder):
    arguments = ["activation._target_=own.f", "depth=1", *TINY, "run_root=own_runs", OFF]
    (folder / "own.py").write_text("import torch\ndef f(x):\n    return torch.tanh(x)\n")
    python(folder, "train.py", *arguments)
    (folder / "own.py").write_text("import torch\ndef f(x):\n    return torch.tanh(2 * x)\n")
    python(folder, "train.py", *arguments)
    assert len(records(folder / "own_runs")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["activation=relo"], "did you mean 'relu'"),
        (["-m", "activation=relu,relo"], "did you mean 'relu'"),
        (["depht=3"], "did you mean 'depth'"),
        (["depth=0"], "depth must be at least 1"),
        (["-m", "depth=1,0"], "depth must be at least 1"),
        (["depth=1,2"], "add -m"),
        (["activation._target_=torch.nn.Hardshrimp"], "torch.nn.Hardshrimp"),
        (["activation._target_=torch.nn.functional"], "not callable"),
        (["activation._target_=os.system"], "is refused: it is part of Python"),
        (["trainer.accelerator=cuda"], "trainer=cpu"),
        (["foo"], "key=value"),
        (["data.train_size=0"], "data.train_size must be at least 1"),
        (["optimizer=sdg"], "did you mean 'sgd'"),
        (["precision=bf17"], "bf16-mixed"),
        (["experiment=cifar"], "did you mean 'cifar10'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_mistyped_is_explained_in_one_line(folder, arguments, message):
    assert message in error_line(python(folder, "train.py", *arguments, OFF))


def test_a_sweep_gives_the_same_results_as_its_runs_alone(folder):
    grid = ["activation=relu,sigmoid", "depth=2,3", *TINY, OFF]
    done = python(folder, "train.py", "-m", *grid, "run_root=sweep")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^\[\s*\d/4\] ", done.stdout, re.M)) == 4
    assert len(comparable(folder / "sweep")) == 4
    for point in (["activation=sigmoid", "depth=3"], ["activation=relu", "depth=2"]):
        python(folder, "train.py", *point, *TINY, "run_root=alone", OFF, OMP_NUM_THREADS="2")
    alone = comparable(folder / "alone")
    assert len(alone) == 2
    assert alone.items() <= comparable(folder / "sweep").items()
    again = python(folder, "train.py", "-m", *grid, "run_root=sweep")
    assert "4 of them done already" in again.stdout
    basic = python(folder, "train.py", "-m", *grid, "run_root=basic", "hydra/launcher=basic")
    assert basic.returncode == 0, basic.stderr
    assert comparable(folder / "basic") == comparable(folder / "sweep")


def test_one_failing_run_does_not_stop_the_others_and_the_exit_code_says_so(folder):
    grid = ["activation=relu,tanh", "batch_size=64,65", "depth=1", *TINY, "run_root=failing", OFF]
    line = error_line(python(folder, "train.py", "-m", *grid))
    assert "2 of 4 runs failed" in line
    assert "batch_size=65" in line
    assert sorted(r["status"] for r in records(folder / "failing").values()) == ["completed"] * 2 + ["failed"] * 2
    status = python(folder, "status.py", *grid)
    assert "4 runs: 2 done, 2 failed, 0 begun, 0 missing" in status.stdout


def test_a_run_that_kills_its_worker_does_not_take_the_others_with_it(folder):
    (folder / "deadly.py").write_text(
        "import os\n\n\ndef relu(x):\n    os._exit(9)\n\n\ndef leaky(x):\n    return x.clamp_min(0.1 * x)\n"
    )
    grid = ["activation._target_=deadly.relu,deadly.leaky", "depth=1,2", *TINY, "run_root=deadly", "init=he", OFF]
    # the flag may stand behind the settings
    line = error_line(python(folder, "train.py", *grid, "-m"))
    assert "2 of 4 runs failed" in line
    assert "worker died twice" in line
    found = [(record["factors"]["activation"], record["status"]) for record in records(folder / "deadly").values()]
    assert sorted(found) == [("deadly.leaky", "completed")] * 2 + [("deadly.relu", "failed")] * 2


def test_one_name_for_two_data_sets_is_refused(folder):
    grid = ["data.test_size=360,300", "depth=1", *TINY, "run_root=two_sets", "prepared_root=two_sets_data", OFF]
    assert "data.name" in error_line(python(folder, "train.py", "-m", *grid))
