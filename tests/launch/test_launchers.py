"""The same sweep through every launcher: the same results, few processes, and nothing left behind."""

import ipaddress
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from typed import PATIENCE, SOURCE
from whyrelu.results.aggregation import aggregate, finished_records
from whyrelu.results.files import write_table
from whyrelu.runs.plan import plan
from whyrelu.runs.store import RunStore
from whyrelu.theory.configured import Theory
from whyrelu.theory.tables import predicted_cells

LAUNCHERS = ("joblib", "ray", "submitit_local")
GRID = ["activation._target_=spy.relu,spy.sigmoid", "depth=1,2", "seed=range(0,3)"]
TINY = ["trainer.max_epochs=2", "data.train_size=64", "width=2"]
TIMES = ("train_seconds", "samples_per_second")
OFF = "mlflow.tracking_uri=null"
# An activation of a person's own, found beside where the command is typed; it notes by which processes it is used.
SPY = """
import os, pathlib, sys
import torch

def note():
    if "pytest" not in sys.modules:
        pathlib.Path(f"seen-{os.getpid()}").write_text(str("mlflow" in sys.modules))

def relu(x):
    note()
    return torch.relu(x)

def sigmoid(x):
    note()
    return torch.sigmoid(x)

def deadly(x):
    os._exit(9)
"""


def environment() -> dict[str, str]:
    # as on a machine of two cores
    return os.environ | {"LOKY_MAX_CPU_COUNT": "2"}


def command(launcher: str, *arguments: str) -> list[str]:
    return [sys.executable, str(SOURCE / "train.py"), "-m", f"hydra/launcher={launcher}", *arguments]


def left_running(folder: Path) -> list[str]:
    """The command lines of the processes that work in a folder."""
    found = []
    for process in working_in(folder):
        with suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
    return found


def working_in(folder: Path) -> list[psutil.Process]:
    """The processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()) == folder:
                found.append(process)
    return found


def comparable(folder: Path) -> dict[str, dict[str, Any]]:
    """The records without times, counts of starts and where they come from."""
    kept = {}
    for path in folder.glob("runs/*/run.json"):
        record = json.loads(path.read_text())
        record["metrics"] = {k: v for k, v in record["metrics"].items() if k not in TIMES}
        del record["provenance"], record["config"]["mlflow"], record["checksum"]
        kept[path.parent.name] = record
    return kept


def sweep(launcher: str, folder: Path) -> None:
    """Twelve runs; those of Ray are tracked."""
    folder.mkdir()
    (folder / "spy.py").write_text(SPY)
    done = subprocess.run(
        command(launcher, *GRID, *TINY, *([] if launcher == "ray" else [OFF])),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, (launcher, done.stdout, done.stderr)
    assert len(re.findall(r"^\[ *\d+/12\] ", done.stdout, re.M)) == 12, done.stdout


def tables(launcher: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is made of the runs in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    # as dvc pastes it, if the launcher stands in params.yaml
    overrides = [*GRID, *TINY, f"hydra/launcher={launcher}"]
    planned, store = plan(overrides), RunStore(Path("runs"))
    records = [store.record(run.run_id) for run in planned]
    write_table(predicted_cells([run.config for run in planned], Theory()), Path("results/theory.parquet"))
    aggregate(finished_records(records, ""), store.layers, overrides, Path("results"))
    return {path.name: path.read_bytes() for path in Path("results").iterdir()}


# one test, so that tests in several processes do not repeat the sweeps
@pytest.mark.slow
def test_the_same_sweep_through_every_launcher(tmp_path, monkeypatch):
    folders = {launcher: tmp_path / launcher for launcher in LAUNCHERS}
    for launcher, folder in folders.items():
        sweep(launcher, folder)
        # runs share processes, which know nothing of MLflow
        seen = list(folder.glob("seen-*"))
        assert 1 <= len(seen) <= 2, launcher
        assert {path.read_text() for path in seen} == {"False"}, launcher
        # joblib's processes end by themselves a moment after their parent
        assert launcher == "joblib" or left_running(folder) == []
        assert list((folder / "runs" / ".sweeps").iterdir()) == []
    # the process that launches tracks
    assert (folders["ray"] / "mlflow.db").exists()

    expected, written = comparable(folders["joblib"]), tables("joblib", folders["joblib"], monkeypatch)
    assert len(expected) == 12
    assert {"runs.parquet", "history.parquet", "cells.parquet", "layers.parquet", "curves.csv"} <= set(written)
    for launcher in LAUNCHERS[1:]:
        assert comparable(folders[launcher]) == expected, launcher
        assert tables(launcher, folders[launcher], monkeypatch) == written, launcher


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["ray", "submitit_local"])
def test_a_run_that_kills_its_worker_does_not_take_the_others_with_it(tmp_path, launcher):
    (tmp_path / "spy.py").write_text(SPY)
    grid = ["activation._target_=spy.deadly,spy.relu", "depth=1,2", "init=he", *TINY, OFF]
    done = subprocess.run(
        command(launcher, *grid), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    (line,) = done.stderr.splitlines()
    assert "2 of 4 runs failed" in line
    assert "worker died twice" in line
    found = [(record["factors"]["activation"], record["status"]) for record in comparable(tmp_path).values()]
    assert sorted(found) == [("spy.deadly", "failed")] * 2 + [("spy.relu", "completed")] * 2
    assert left_running(tmp_path) == []


def listening(pid: int) -> set[str]:
    """The addresses on which a process and those it started wait for others."""
    found = set()
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.Error):
            found |= {c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["ray", "submitit_local"])
def test_an_interrupted_sweep_leaves_nothing_running(tmp_path, launcher):
    process = subprocess.Popen(
        command(launcher, "depth=2", "seed=range(0,6)", "trainer.max_epochs=100000", OFF),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # what runs in the background of a script, such as these tests, ignores Ctrl-C, and so do its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 200
        while not list(tmp_path.glob("runs/*/checkpoint.ckpt")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert all(ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback for ip in listening(process.pid))
        # Ctrl-C reaches every process of the terminal
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 130
        assert len(errors.splitlines()) == 1
        assert errors.startswith("error: interrupted by SIGINT; ")
        # what was killed takes a moment to give its memory back
        deadline = time.monotonic() + 60
        while left_running(tmp_path):
            assert time.monotonic() < deadline, left_running(tmp_path)
            time.sleep(0.1)
    finally:
        # whatever went wrong, nothing that would train for hours outlives the test
        for pid in {*(found.pid for found in working_in(tmp_path)), process.pid}:
            with suppress(psutil.Error):
                psutil.Process(pid).kill()
