"""Two sweeps of one study at once share the work: every run is trained once."""

import random
import time
from pathlib import Path

import pytest

from soak.sweeps import OWN, TINY, statuses, steps, wait_until
from typed import ended, finished, kill_tree, start

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

GRID = [*TINY, "activation._target_=own.counted", "trainer.max_epochs=40"]
# of one run: four steps an epoch, and one activation in a network of depth 1
STEPS = 160


@pytest.mark.parametrize("other", ["joblib", "ray", "submitit_local"])
def test_two_sweeps_train_every_run_once(other: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    # neither finds prepared data, and both begin with runs that the other wants too
    processes = [
        start(tmp_path, "train.py", "-m", f"hydra/launcher={launcher}", *GRID, seeds)
        for launcher, seeds in (("joblib", "seed=1,2,0"), (other, "seed=1,2,3"))
    ]
    for process in processes:
        assert "3 runs" in finished(process)
    assert statuses(tmp_path) == ["completed"] * 4
    assert len(steps(tmp_path)) == 4 * STEPS


def test_a_run_whose_process_is_killed_is_taken_over_by_the_sweep_that_waits(
    tmp_path: Path, draw: random.Random
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    grid = ["train.py", "-m", *GRID, "seed=0", "trainer.max_epochs=400"]
    first = start(tmp_path, *grid)
    wait_until(lambda: len(steps(tmp_path)) > 40, first)
    second = start(tmp_path, *grid)
    assert second.stdout is not None and "1 runs" in second.stdout.readline()
    # somewhere between the start of its workers and long waiting
    time.sleep(draw.uniform(0.0, 10.0))
    kill_tree(first.pid)
    ended(first)
    finished(second)
    assert statuses(tmp_path) == ["completed"]
    # the epoch that was in flight, and one whose checkpoint was being written, are done again
    assert len(steps(tmp_path)) <= 10 * STEPS + 8
