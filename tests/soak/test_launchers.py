"""Hydra's launchers below the sweeper of this project: equal results, Ctrl-C, and workers that die."""

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from soak.sweeps import OWN, TINY, left_behind, records, refusal, statuses, steps, wait_until
from typed import ended, finished, start, typed

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

LAUNCHERS = ["joblib", "ray", "submitit_local"]
GRID = [*TINY, "activation=relu,sigmoid", "seed=0,1", "trainer.max_epochs=60"]
# Seconds within which nothing works in a folder any more after its command has ended.
MOST_SECONDS_LEFT = 60.0


def sweep(launcher: str, *grid: str) -> list[str]:
    return ["train.py", "-m", f"hydra/launcher={launcher}", *grid]


@pytest.fixture(scope="session")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the grid finds in this process, one run after the other."""
    folder = tmp_path_factory.mktemp("basic")
    typed(folder, *sweep("basic", *GRID))
    return records(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize("launcher", ["basic", *LAUNCHERS])
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "SIGTERM to all"])
def test_a_sweep_that_is_interrupted_ends_with_one_line_and_goes_on(
    launcher: str, how: str, folder: Path, wanted: dict[str, dict[str, Any]], draw: random.Random
) -> None:
    process = start(folder, *sweep(launcher, *GRID))
    happened = draw.choice(["data", "runs/*", "runs/*/*/checkpoint-*.ckpt"])
    wait_until(lambda: list(folder.glob(happened)), process)
    # a terminal tells the whole group, `kill` the command alone
    if how == "SIGTERM":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGINT if how == "Ctrl-C" else signal.SIGTERM)
    code, output, errors = ended(process, MOST_SECONDS_LEFT)
    assert code == 130, (happened, output, errors)
    assert "Traceback" not in errors and errors.count("error: ") == 1, errors
    assert "error: interrupted; the same command goes on where this one stopped" in errors
    assert left_behind(folder, MOST_SECONDS_LEFT) == []
    assert "failed" not in statuses(folder)
    typed(folder, *sweep(launcher, *GRID))
    assert records(folder) == wanted


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_worker_that_is_killed_ends_the_sweep_which_goes_on(launcher: str, folder: Path) -> None:
    grid = [*TINY, "activation._target_=own.counted", "seed=0,1,2", "trainer.max_epochs=60"]
    process = start(folder, *sweep(launcher, *grid))
    wait_until(lambda: len(steps(folder)) > 60, process)
    os.kill(steps(folder)[-1], signal.SIGKILL)
    if launcher == "ray":
        # it starts another worker, which goes on with the run
        finished(process)
    else:
        assert "a worker died" in refusal(process)
        assert left_behind(folder, MOST_SECONDS_LEFT) == []
        typed(folder, *sweep(launcher, *grid))
    assert statuses(folder) == ["completed"] * 3
    # four steps an epoch; what was in flight went on from its checkpoint
    assert 3 * 240 <= len(steps(folder)) < 3 * 240 + 40
    (undisturbed := folder / "undisturbed").mkdir()
    (undisturbed / "own.py").write_text(OWN)
    typed(undisturbed, *sweep("basic", *grid))
    assert records(undisturbed) == records(folder)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_run_that_kills_its_worker_twice_has_failed_and_the_others_are_done(launcher: str, folder: Path) -> None:
    grid = [*TINY, "activation._target_=own.deadly,torch.relu", "seed=0,1", "trainer.max_epochs=20"]
    command = sweep(launcher, *grid)
    said = []
    # each of the two kills its worker beside others, then alone, and is then recorded
    while len(said) < 8:
        said.append(refusal(start(folder, *command)))
        assert left_behind(folder, MOST_SECONDS_LEFT) == []
        if "runs failed" in said[-1]:
            break
    # Ray starts a worker that died anew, so that one command may be enough
    assert all("a worker died" in line for line in said[:-1]), said
    assert "its worker died 2 times before an epoch was finished" in said[-1]
    assert statuses(folder) == ["completed", "completed", "failed", "failed"]
    assert all(
        (record["status"] == "failed") == ("deadly" in record["config"]["activation"]["_target_"])
        for record in records(folder).values()
    )
