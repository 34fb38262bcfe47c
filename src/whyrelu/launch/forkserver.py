"""Workers of joblib that begin as copies of one process in which PyTorch and Lightning are imported.

Importing them takes seconds of computing and hundreds of megabytes. The fork server of Python does it once; workers
then start at once, those that replace one that died too, and share the memory of what was imported.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whyrelu.interruption import block

IMPORTED = ["whyrelu.config.composition", "whyrelu.launch.sweep", "whyrelu.training.fit"]
# Of the server and its copies, for which it would be too late once those are imported.
ENVIRONMENT = {
    # workers share the cores; what a run computes with is set by the run
    "OMP_NUM_THREADS": "1",
    # asking whether there is a GPU must not call its driver
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
# Copying a process is safe on Linux alone: elsewhere libraries of the system have threads of their own.
IS_SAFE = sys.platform == "linux"


def start() -> None:
    """Start the server if it is not there, which imports by itself; it ends with this process."""
    if not IS_SAFE:
        return
    from multiprocessing import resource_tracker
    from multiprocessing.forkserver import ensure_running

    # where it is started first, it lets signals through to what is started next
    resource_tracker.ensure_running()
    block()
    multiprocessing.set_forkserver_preload(IMPORTED)
    # Python 3.11 does not give its server the path of the script, without which it would silently import nothing
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    with _environment({**ENVIRONMENT, "PYTHONPATH": path}):
        ensure_running()


@contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        yield
    finally:
        for name in changed:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


@contextmanager
def processes_are_copies(wanted: bool) -> Iterator[None]:
    """Have joblib start its processes through the server, as long as this lasts.

    Args:
        wanted: whether at all; False for runs on a GPU, whose driver does not survive in a copy once it was called.
    """
    from joblib.externals.loky.backend.context import get_start_method, set_start_method

    before = get_start_method()
    set_start_method("forkserver" if wanted and IS_SAFE else before, force=True)
    try:
        yield
    finally:
        set_start_method(before, force=True)
