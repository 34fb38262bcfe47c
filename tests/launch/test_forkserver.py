"""Workers of joblib begin as copies of one process that has imported what they need."""

import sys

import pytest
from joblib.externals.loky.backend.context import get_start_method

from typed import python
from whyrelu.launch.forkserver import processes_are_copies

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copying a process is safe on Linux alone")

# Notes of each worker whose copy it is, and whether PyTorch is loaded there.
SPY = """
import pathlib
import psutil

PARENT = psutil.Process().parent()
HAS_TORCH = any("libtorch" in found.path for found in PARENT.memory_maps())

def tanh(x):
    import torch

    text = "\\n".join([str(PARENT.pid), str(HAS_TORCH), *PARENT.cmdline()])
    pathlib.Path(f"seen-{psutil.Process().pid}").write_text(text)
    return torch.tanh(x)
"""


def test_workers_are_copies_of_the_fork_server(tmp_path):
    (tmp_path / "spy.py").write_text(SPY)
    grid = ["activation._target_=spy.tanh", "depth=1", "seed=range(0,4)", "trainer.max_epochs=1", "data.train_size=64"]
    more = ["hydra.launcher.n_jobs=2", "mlflow.tracking_uri=null"]
    done = python(tmp_path, "train.py", "-m", *grid, *more)
    assert done.returncode == 0, done.stderr
    # the command itself looks at the activation too, before it starts anyone
    seen = [path.read_text().split("\n") for path in tmp_path.glob("seen-*")]
    workers = [lines for lines in seen if any("multiprocessing.forkserver" in word for word in lines)]
    assert workers
    assert len({parent for parent, *_ in workers}) == 1
    assert all(has_torch == "True" for _, has_torch, *_ in workers)


def test_runs_on_a_gpu_get_processes_of_their_own():
    with processes_are_copies(False):
        assert get_start_method() is None
    with processes_are_copies(True):
        assert get_start_method() == "forkserver"
    assert get_start_method() is None
