import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from synthetic import make_record, make_records
from tracking_lab import REFUSING, Lab, write_all
from whyrelu.tracking import Tracker

pytest_plugins = ["tracking_fixtures"]


class Said(list[str]):
    """What a tracker says."""

    def __call__(self, line: str) -> None:
        self.append(line)


def test_no_address_switches_everything_off(tmp_path: Path) -> None:
    said = Said()
    with Tracker(None, tmp_path, said) as tracker:
        tracker.submit("a" * 16)
    assert said == [] and list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_tracker_without_a_run_ends_at_once(lab: Lab) -> None:
    said = Said()
    tracker = Tracker(lab.uri, lab.runs, said)
    tracker.start()
    begin = time.monotonic()
    tracker.close()
    assert time.monotonic() - begin < 2 and said == []


@pytest.mark.slow
def test_two_processes_can_begin_with_one_new_database(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    runs = lab.add(*make_records(["relu", "tanh"], [2], seeds=2))
    said = Said()
    tracker = Tracker(lab.uri, lab.runs, said)
    tracker.start()
    for run in runs:
        tracker.submit(run)
    # a run that broke down before it had a record is nothing to log
    tracker.submit("f" * 16)
    lab.synchronise()
    lab.add(added := make_record("relu", seed=2))
    tracker.submit(added["run_id"])
    tracker.close(timeout=300)
    assert said == []
    assert len(lab.all("run")) == 5
    assert {name: cell.data.metrics["n"] for name, cell in lab.all("cell").items()} == {
        "relu depth=02": 3,
        "tanh depth=02": 2,
    }


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_said_once_and_nobody_waits_for_it(
    tmp_path: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    runs = write_all(tmp_path, make_records(["relu"], [2], seeds=2))
    begin = time.monotonic()
    tracker = Tracker(silent_server, tmp_path)
    tracker.start()
    for run in runs:
        tracker.submit(run)
    assert time.monotonic() - begin < 1
    tracker.close()
    assert capfd.readouterr().err == (
        f"MLflow: 2 of 2 runs are not logged ({silent_server}: no answer); "
        f"`python src/track.py mlflow.tracking_uri={silent_server} run_root={tmp_path}` does it later\n"
    )


@pytest.mark.slow
def test_closing_waits_no_longer_than_told(tmp_path: Path, silent_server: str) -> None:
    (run,) = write_all(tmp_path, [make_record()])
    said = Said()
    tracker = Tracker(silent_server, tmp_path, said)
    tracker.start()
    tracker.submit(run)
    begin = time.monotonic()
    tracker.close(timeout=0.5)
    assert time.monotonic() - begin < 2
    assert len(said) == 1 and "1 of 1 runs are not logged (it takes longer than" in said[0]


@pytest.mark.slow
def test_a_tracker_whose_process_hangs_takes_any_number_of_runs(tmp_path: Path, silent_server: str) -> None:
    said = Said()
    tracker = Tracker(silent_server, tmp_path, said)
    tracker.start()
    assert tracker.pid is not None
    os.kill(tracker.pid, signal.SIGSTOP)
    begin = time.monotonic()
    for number in range(20_000):  # more than a pipe holds
        tracker.submit(f"{number:016x}")
    tracker.close(timeout=0.2)
    assert time.monotonic() - begin < 3
    assert len(said) == 1 and "20000 of 20000" in said[0]


@pytest.mark.slow
def test_a_tracker_whose_process_died_says_so(tmp_path: Path) -> None:
    said = Said()
    tracker = Tracker(REFUSING, tmp_path, said)
    tracker.start()
    assert tracker.pid is not None
    os.kill(tracker.pid, signal.SIGKILL)
    time.sleep(0.1)
    tracker.submit("a" * 16)
    tracker.close()
    assert len(said) == 1 and "its process died" in said[0]


@pytest.mark.slow
def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; from whyrelu.tracking import Tracker; "
        f"t = Tracker({REFUSING!r}, pathlib.Path({str(tmp_path)!r})); t.start(); "
        "print(t.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and is_running(pid):
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
