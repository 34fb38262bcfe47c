"""Several processes at one study: commands typed at the same time, and ten processes at one run store or MLflow."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from typed import PATIENCE, SOURCE, python

TINY = ["depth=1", "width=2", "init=he", "trainer.max_epochs=2", "data.train_size=64"]
OFF = "mlflow.tracking_uri=null"
# One line per step of training, whoever trains: appending is safe among processes.
COUNTED = """
import os, pathlib, time
import torch

def relu(x):
    if x.requires_grad and x.ndim == 4 and len(x) == 32:
        file = os.open("steps", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, b"step\\n")
        os.close(file)
    return torch.relu(x)

def patient(x):
    try:
        with open("first", "x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        pass
    has_begun = any(pathlib.Path("runs").glob("*/checkpoint.ckpt"))
    if has_begun and pathlib.Path("first").read_text() == str(os.getpid()):
        time.sleep(120)
    return torch.relu(x)
"""
# Ten processes that all want all runs, each in an order of its own.
TEN_TRAIN = """
import os, random, sys
import whyrelu.training.fit
from whyrelu.config.composition import compose_grid
from whyrelu.runs.execution import execute

configs = [job.config for job in compose_grid(sys.argv[1:])]
for number in range(10):
    if os.fork() == 0:
        random.Random(number).shuffle(configs)
        trained = sum(execute(config)[1] for config in configs)
        os.write(1, f"{trained}\\n".encode())
        os._exit(0)
codes = [os.wait()[1] for _ in range(10)]
assert codes == [0] * 10, codes
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # as on a machine of two cores
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    (tmp_path / "counted.py").write_text(COUNTED)
    return tmp_path


def start(folder: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SOURCE / script), *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def at_once(folder: Path, *commands: list[str]) -> list[str]:
    """Type commands at the same time and wait for all; what they printed. None of them may go wrong."""
    processes = [start(folder, *command) for command in commands]
    printed = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, (output, errors)
            assert "Traceback" not in errors
            printed.append(output)
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return printed


def ten(folder: Path, code: str, *arguments: str) -> str:
    path = os.pathsep.join([str(SOURCE), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        timeout=PATIENCE, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def records(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")]
    return sorted(found, key=lambda record: record["config"]["seed"])


def steps(folder: Path) -> int:
    return len((folder / "steps").read_text().splitlines())


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("results/digits/*") if path.is_file()}


@pytest.mark.slow
def test_two_sweeps_over_overlapping_grids_train_each_run_once(folder):
    """Neither finds prepared data, and both begin with the runs that the other wants too."""
    grid = ["-m", "activation._target_=counted.relu", "batch_size=32", *TINY]
    first, second = at_once(
        folder, ["train.py", *grid, "seed=1,2,0"], ["train.py", *grid, "seed=1,2,3"]
    )  # fmt: skip
    assert "3 runs" in first and "3 runs" in second
    found = records(folder)
    assert [record["config"]["seed"] for record in found] == [0, 1, 2, 3]
    assert {record["status"] for record in found} == {"completed"}
    assert [record["provenance"]["attempts"] for record in found] == [[0]] * 4
    before = steps(folder)
    # what one run takes
    assert python(folder, "train.py", *grid[1:], "seed=4", OFF).returncode == 0
    assert before == 4 * (steps(folder) - before)
    # both tracked, into a database that neither found
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        kept = Counter(row[0] for row in database.execute("select value from tags where key = 'run_id'"))
    assert kept == {record["run_id"]: 1 for record in found}


@pytest.mark.slow
def test_ten_processes_at_one_run_store_train_each_run_once(folder):
    grid = ["activation._target_=counted.relu", "batch_size=32", "seed=range(0,6)", *TINY, OFF]
    trained = [int(line) for line in ten(folder, TEN_TRAIN, *grid).split()]
    assert len(trained) == 10
    assert sum(trained) == 6
    found = records(folder)
    assert [record["config"]["seed"] for record in found] == list(range(6))
    assert [record["provenance"]["attempts"] for record in found] == [[0]] * 6
    # the same numbers as if nobody had been beside
    before = steps(folder)
    alone = python(folder, "train.py", *grid[:2], *TINY, "seed=3", OFF, "run_root=alone")
    assert alone.returncode == 0, alone.stderr
    assert before == 6 * (steps(folder) - before)
    (path,) = folder.glob("alone/*/run.json")
    assert json.loads(path.read_text())["history"] == found[3]["history"]


@pytest.mark.slow
def test_a_run_whose_process_is_killed_is_taken_over_by_who_waits_for_it(folder):
    run = ["train.py", "activation._target_=counted.patient", "trainer.checkpoint_seconds=0", "seed=0", *TINY, OFF]
    holder = start(folder, *run)
    waiter: subprocess.Popen[str] | None = None
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("runs/*/checkpoint.ckpt")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        waiter = start(folder, *run)
        # long enough for it to come to the claim
        with pytest.raises(subprocess.TimeoutExpired):
            waiter.communicate(timeout=8)
        holder.kill()
        output, errors = waiter.communicate(timeout=120)
        assert waiter.returncode == 0, (output, errors)
    finally:
        for process in filter(None, (holder, waiter)):
            process.kill()
            process.communicate()
    (record,) = records(folder)
    assert record["status"] == "completed"
    assert record["provenance"]["attempts"] == [0, 1]


@pytest.mark.slow
def test_two_that_tune_or_aggregate_at_once_and_a_sweep_meanwhile_write_what_one_writes(folder):
    grid = ["activation=relu,tanh", "seed=0", *TINY, OFF]
    tune = ["tune.py", "-m", *grid]
    at_once(folder, tune, tune)
    tuned = (folder / "results/digits/lr.csv").read_bytes()
    assert all(record["provenance"]["attempts"] == [0] for record in records(folder))
    assert python(folder, *tune).returncode == 0
    assert (folder / "results/digits/lr.csv").read_bytes() == tuned

    assert python(folder, "train.py", "-m", *grid).returncode == 0
    assert python(folder, "theory.py", "-m", *grid).returncode == 0
    more = [*grid[:1], "seed=1,2", *grid[2:]]
    at_once(folder, ["aggregate.py", *grid], ["aggregate.py", *grid], ["train.py", "-m", *more])
    together = tables(folder)
    assert "runs.parquet" in together
    assert python(folder, "aggregate.py", *grid).returncode == 0
    assert tables(folder) == together
    assert not [path for path in folder.glob("results/digits/.*") if path.is_file()]
