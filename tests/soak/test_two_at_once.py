"""Two sweeps of one study at once share the work: every run is trained once."""

from pathlib import Path

import pytest

from soak.sweeps import OWN, TINY, statuses, steps
from typed import finished, start

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
