"""What is killed, whenever it is, goes on as if nothing had happened; what is told to end does so at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from faults.aftermath import run_files
from faults.kill import EPITAPH, SOURCE, alive, kill

TINY = ["activation=relu", "depth=1", "width=2", "data.train_size=64", "trainer.checkpoint_seconds=0"]
LONG = ["trainer.max_epochs=100000", "mlflow.tracking_uri=null"]
Signal = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.mark.slow
def test_sweeps_that_are_killed_end_with_the_tables_of_one_that_was_not(tmp_path: Path) -> None:
    """If it fails it says the seed: `python tests/faults/kill.py --kills 30 --seed ...` does the same again."""
    *_, figures = kill(tmp_path, kills=30, seed=random.SystemRandom().randrange(10**6))
    said = "\n".join(figures.lines())
    print(said)
    assert sum(count for (_, name), count in figures.kills.items() if name in ("train", "tune")) >= 30
    # whether a kill finds a run with a checkpoint is chance: what is continued then is checked by the harness
    assert figures.kept > 0 and figures.tracked > 0, said


def started(folder: Path, command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def end(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@Signal
@pytest.mark.slow
def test_a_run_alone_ends_in_order_and_goes_on_from_its_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, str(SOURCE / "train.py"), *TINY]
    process = started(tmp_path, [*command, *LONG])
    try:
        wait_until(lambda: list(tmp_path.glob("runs/*/checkpoint.ckpt")) or process.poll() is not None)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (128 + number, EPITAPH.format(number.name))
        wait_until(lambda: not alive(process.pid))
        assert run_files(tmp_path) == []
    finally:
        end(process)
    again = started(tmp_path, [*command, *LONG])
    try:
        attempts = next(tmp_path.glob("runs/*/attempts.json"))
        wait_until(lambda: len(numbers(attempts)) == 2 or again.poll() is not None)
        first, second = numbers(attempts)
        assert first == 0 and second > 0
    finally:
        end(again)


def numbers(path: Path) -> list[int]:
    with suppress(ValueError):
        return list(json.loads(path.read_text()))
    return []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "is_group", "shell"),
    [
        (signal.SIGINT, True, "/bin/sh"),
        # a shell may become the stage or wait for it
        (signal.SIGTERM, False, "/bin/sh"),
        (signal.SIGTERM, True, "/bin/bash"),
    ],
)
def test_a_stage_of_dvc_ends_with_it_and_the_pipeline_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, is_group: bool, shell: str
) -> None:
    monkeypatch.setenv("SHELL", shell)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\nno_scm = true\nanalytics = false\n")
    stage = f"    cmd: {sys.executable} {SOURCE / 'stage.py'} train\n    params: [grid]\n"
    (tmp_path / "dvc.yaml").write_text(
        f"stages:\n  train:\n{stage}    outs: [{{runs: {{cache: false, persist: true}}}}]\n"
    )

    def ask_for(epochs: int) -> None:
        more = " ".join([*TINY[1:], f"trainer.max_epochs={epochs}", "mlflow.tracking_uri=null", "lr=0.1"])
        more = more.replace("depth=1 ", "")
        grid = {"activation": "relu,sigmoid", "depth": "1", "seed": "0", "more": more}
        (tmp_path / "params.yaml").write_text(json.dumps({"study": "digits", "grid": grid, "data": ""}))

    command = [sys.executable, "-m", "dvc", "repro"]
    ask_for(100_000)
    process = started(tmp_path, command)
    try:
        wait_until(lambda: list(tmp_path.glob("runs/*/checkpoint.ckpt")) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        (os.killpg if is_group else os.kill)(process.pid, number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Traceback" not in errors
        # DVC adds lines of its own if it lives on
        assert EPITAPH.format(number.name).strip() in errors.splitlines()
        wait_until(lambda: not alive(process.pid))
    finally:
        end(process)
    ask_for(2)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stderr
    assert len(run_files(tmp_path)) == 2
