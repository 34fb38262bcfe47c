"""Workers that really die, of every cause, in sweeps as typed; and what is left of their runs and of the others'."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from typed import SOURCE, python

TINY = ["depth=1", "width=2", "init=he", "trainer.max_epochs=2", "data.train_size=64", "mlflow.tracking_uri=null"]
# Activations of a person's own, found beside where the command is typed.
DEATHS = """
import ctypes, os, pathlib, resource, signal, sys, time
import torch

def calm(x):
    return torch.relu(x)

def killed(x):
    os.kill(os.getpid(), signal.SIGKILL)

def segfault(x):
    ctypes.string_at(0)

def exits(x):
    os._exit(3)

def leaves(x):
    sys.exit("enough")

# what an activation does to the few numbers with which it is tried first is told as its own failure
def is_training(x):
    return x.dim() == 4 and len(x) > 2

def python_memory(x):
    if is_training(x):
        raise MemoryError
    return torch.relu(x)

def torch_memory(x):
    if not is_training(x):
        return torch.relu(x)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 35, before[1]))
    try:
        return x + torch.ones(1 << 36, dtype=torch.uint8).sum()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

def begun():
    return any(pathlib.Path("runs").glob("*/checkpoint.ckpt"))

def first(name):
    try:
        pathlib.Path(name).open("x").close()
    except FileExistsError:
        return False
    return True

# it dies once, and after its first checkpoint
def once(x):
    if begun() and first("died-once"):
        os.kill(os.getpid(), signal.SIGKILL)
    return torch.relu(x)

# it dies whenever it is tried, the first time when the run beside it has something to lose
def deadly(x):
    deadline = time.monotonic() + 120
    while not begun() and not os.path.exists("died-before") and time.monotonic() < deadline:
        time.sleep(0.01)
    first("died-before")
    os.kill(os.getpid(), signal.SIGKILL)

# the first process that is at it has a checkpoint and waits for its end
def patient(x):
    if first("patient"):
        pathlib.Path("patient").write_text(str(os.getpid()))
    if begun() and pathlib.Path("patient").read_text() == str(os.getpid()):
        time.sleep(120)
    return torch.relu(x)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # as on a machine of two cores
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    (tmp_path / "deaths.py").write_text(DEATHS)
    return tmp_path


def activations(*names: str) -> str:
    return "activation._target_=" + ",".join(f"deaths.{name}" for name in names)


def records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The records of each activation, by seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in folder.glob("runs/*/run.json"):
        record = json.loads(path.read_text())
        found.setdefault(record["config"]["activation"]["_target_"].removeprefix("deaths."), []).append(record)
    return {name: sorted(of, key=lambda record: record["config"]["seed"]) for name, of in found.items()}


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a sweep of which runs failed."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


REASONS = {
    "killed": "its worker died twice: killed by SIGKILL, perhaps out of memory",
    "segfault": "its worker died twice: segmentation fault (SIGSEGV)",
    "exits": "its worker died twice: exit code 3",
    "leaves": "it called sys.exit('enough')",
    "python_memory": "out of memory (MemoryError)",
    "torch_memory": "out of memory (",
}


@pytest.mark.slow
def test_every_way_to_die_is_recorded_with_its_reason_and_the_others_go_on(folder):
    grid = [activations("calm", *REASONS), *TINY]
    line = failure(python(folder, "train.py", "-m", *grid))
    assert "6 of 7 runs failed" in line
    found = records(folder)
    assert [record["status"] for record in found["calm"]] == ["completed"]
    for name, reason in REASONS.items():
        assert [record["status"] for record in found[name]] == ["failed"], name
        for record in found[name]:
            assert record["error"].startswith(reason), record["error"]
            assert len(record["error"].splitlines()) == 1
    status = python(folder, "status.py", *grid)
    assert "7 runs: 1 done, 6 failed, 0 begun, 0 missing" in status.stdout
    for name in ("killed", "segfault", "exits"):
        assert status.stdout.count(REASONS[name]) == 1, status.stdout


@pytest.mark.slow
def test_a_run_that_dies_once_has_a_record_like_any_other(folder):
    done = python(folder, "train.py", "-m", activations("once"), "seed=0,1", "trainer.checkpoint_seconds=0", *TINY)
    assert done.returncode == 0, done.stderr
    assert (folder / "died-once").exists()
    found = records(folder)["once"]
    assert [(record["status"], record["error"]) for record in found] == [("completed", None)] * 2
    # starts are counted, those that were killed too
    assert any(len(record["provenance"]["attempts"]) == 2 for record in found)


@pytest.mark.slow
def test_the_run_beside_a_deadly_one_goes_on_from_its_checkpoint(folder):
    done = python(
        folder, "train.py", "-m", activations("patient", "deadly"), "trainer.checkpoint_seconds=0", *TINY,
    )  # fmt: skip
    assert "1 of 2 runs failed" in failure(done)
    found = records(folder)
    assert found["deadly"][0]["error"] == REASONS["killed"]
    (patient,) = found["patient"]
    assert (patient["status"], patient["error"]) == ("completed", None)
    assert patient["provenance"]["attempts"] == [0, 1]


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes that do runs: copies of the server, which starts others too (what it imports asks the machine)."""
    server = "multiprocessing.forkserver"
    found = []
    for child in process.children(recursive=True):
        with suppress(psutil.Error):
            if all(server in " ".join(one.cmdline()) for one in (child, child.parent())):
                found.append(child)
    return found


def started(folder: Path, arguments: Sequence[str]) -> psutil.Popen:
    return psutil.Popen(
        [sys.executable, str(SOURCE / "train.py"), *arguments], cwd=folder, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before its first run", "while it trains", "at random"])
def test_a_worker_that_is_killed_from_outside_costs_nothing_but_time(folder, moment):
    process = started(folder, ["-m", activations("calm"), "seed=range(0,6)", "trainer.checkpoint_seconds=0", *TINY])
    try:
        deadline = time.monotonic() + 120
        wanted = {"before its first run": "runs", "while it trains": "runs/*/checkpoint.ckpt", "at random": "runs/*"}
        while not ((found := workers_of(process)) and list(folder.glob(wanted[moment]))) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if moment == "at random":
            time.sleep(random.uniform(0, 2))
        assert found
        # by chance all may be done already
        with suppress(psutil.NoSuchProcess):
            random.choice(found).kill()
        output, errors = process.communicate(timeout=200)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, (output, errors)
    assert [record["status"] for record in records(folder)["calm"]] == ["completed"] * 6


@pytest.mark.slow
def test_the_only_worker_is_not_the_command_itself(folder):
    grid = [activations("killed", "calm"), "hydra.launcher.n_jobs=1", *TINY]
    assert "1 of 2 runs failed" in failure(python(folder, "train.py", "-m", *grid))
    found = records(folder)
    assert found["killed"][0]["error"] == REASONS["killed"]
    assert found["calm"][0]["status"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize("how", [["hydra/launcher=basic", "-m", "seed=0,1"], ["seed=0"]], ids=["basic", "single"])
def test_without_workers_the_command_dies_and_goes_on_when_typed_again(folder, how):
    arguments = [*how, activations("once"), "trainer.checkpoint_seconds=0", *TINY]
    assert python(folder, "train.py", *arguments).returncode == -signal.SIGKILL
    assert records(folder) == {}
    assert python(folder, "train.py", *arguments).returncode == 0
    found = records(folder)["once"]
    assert {record["status"] for record in found} == {"completed"}
    assert found[0]["provenance"]["attempts"] == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["ray", "submitit_local"])
def test_deaths_in_workers_of_other_launchers_are_recorded_too(folder, launcher):
    grid = [activations("calm", "segfault", "killed"), *TINY]
    line = failure(python(folder, "train.py", "-m", f"hydra/launcher={launcher}", *grid))
    assert "2 of 3 runs failed" in line
    found = records(folder)
    assert found["calm"][0]["status"] == "completed"
    for name in ("segfault", "killed"):
        assert found[name][0]["status"] == "failed"
        assert found[name][0]["error"].startswith("its worker died twice, or another beside it did: ")
        assert len(found[name][0]["error"].splitlines()) == 1
    assert "3 runs: 1 done, 2 failed, 0 begun, 0 missing" in python(folder, "status.py", *grid).stdout
