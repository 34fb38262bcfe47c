"""A sweep on Ray: on a cluster of machines that share this folder, or on processes of this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.utils import JobReturn

from whyrelu.errors import UserError, one_line
from whyrelu.interruption import at_end, ended_by_others
from whyrelu.launch.elsewhere import SOURCE, Worker
from whyrelu.launch.workers import Needs, workers

# Before Ray is imported, which reads some of them then: nothing is reported home or to anyone else.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_DEDUP_LOGS": "0",
    # what Ray will do about GPUs in a later version, without a warning about it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# For processes of this machine only: Ray's own way to listen on 127.0.0.1 alone, which it takes by default elsewhere.
HERE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# The least that Ray accepts; nothing large goes through it.
OBJECT_STORE_BYTES = 80 * 2**20


class RayJobs:
    """Does the jobs of a sweep in Ray's workers, which live on from one to the next.

    Args:
        worker: what does a job.
        needs: of each.
        address: of a cluster; None for processes of this machine, which end with `close`.
        init: further arguments of `ray.init`.
        remote: further arguments of `ray.remote`.

    Raises:
        UserError: Ray is not installed, does not start, or cannot be reached.
    """

    def __init__(
        self, worker: Worker, needs: Needs, address: str | None, init: Mapping[str, Any], remote: Mapping[str, Any]
    ) -> None:
        settings = QUIET if address else QUIET | HERE
        os.environ.update({key: value for key, value in settings.items() if key not in os.environ})
        try:
            import ray
        except ImportError as error:
            raise UserError("hydra/launcher=ray needs the extra: uv pip install '.[ray]'") from error
        self._ray: Any = ray
        self._directory: str | None = None
        self._stack = contextlib.ExitStack()
        self.notice: str | None = None
        try:
            if address:
                self._join(address, init, needs)
            else:
                self._start(init, needs)
        except BaseException as error:
            self.close()
            if not isinstance(error, Exception) or isinstance(error, UserError):
                raise
            where = f"at {address}" if address else "on this machine"
            raise UserError(f"Ray cannot be used {where}: {one_line(error)}") from error
        given = {
            "num_cpus": needs.threads,
            "num_gpus": needs.gpus,
            # on this machine there are no more workers than its memory is enough for
            "memory": needs.memory if address else None,
            # the sweep itself tries a run again whose worker died
            "max_retries": 0,
            # a worker that used a GPU lives on, unlike Ray's default
            "max_calls": 0,
            **remote,
        }
        # workers can import this module only after they were told where it is
        self._ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        self._do = ray.remote(**given)(_do)
        self._worker = ray.put(self._ray.cloudpickle.dumps(worker))

    def _start(self, init: Mapping[str, Any], needs: Needs) -> None:
        # Ray itself looks after GPUs
        count, self.notice = workers(needs._replace(gpus=0.0))
        # Ray would leave its logs behind; its sockets need a short path
        self._directory = directory = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
        self._stack.enter_context(at_end(lambda: shutil.rmtree(directory, ignore_errors=True)))
        settings = {
            "address": "local",
            "num_cpus": count * needs.threads,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            "_node_ip_address": "127.0.0.1",
            "_temp_dir": self._directory,
            **init,
        }
        # Ray's processes end each other by signals
        with ended_by_others():
            self._ray.init(**settings)
        if needs.gpus > (found := self._ray.cluster_resources().get("GPU", 0)):
            raise UserError(f"resources.gpus={needs.gpus:g}, but Ray finds {found:g} GPUs on this machine")

    def _join(self, address: str, init: Mapping[str, Any], needs: Needs) -> None:
        self._ray.init(**{"address": address, "log_to_driver": False, "logging_level": logging.ERROR, **init})
        machines = [machine["Resources"] for machine in self._ray.nodes() if machine["Alive"]]
        for name, amount in (("CPU", needs.threads), ("memory", needs.memory), ("GPU", needs.gpus)):
            if amount > (most := max((machine.get(name, 0) for machine in machines), default=0)):
                # not an error: a cluster may grow
                self.notice = f"no machine of the cluster has {amount:g} {name} for a run, at most {most:g}: runs wait"

    def launch(self, calls: Sequence[tuple[int, Sequence[str]]]) -> list[JobReturn]:
        """Do some jobs and return what came of them, in their order.

        Raises:
            Exception: Ray's own, that of the first worker that died; the other jobs are done before it is raised.
        """
        tasks = [self._do.remote(str(SOURCE), self._worker, index, list(overrides)) for index, overrides in calls]
        done: list[JobReturn] = []
        first: Exception | None = None
        for task in tasks:
            try:
                done.append(self._ray.get(task))
            except Exception as error:
                first = first or error
        if first is not None:
            raise first
        return done

    def close(self) -> None:
        """End the workers, and Ray itself unless it is a cluster that was there before."""
        with contextlib.suppress(Exception):
            self._ray.shutdown()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._stack.close()


def _do(source: str, pickled: bytes, index: int, overrides: list[str]) -> Any:
    """What a worker of Ray does; it is sent there as code."""
    import pickle
    import sys

    if source not in sys.path:
        sys.path.insert(0, source)
    return pickle.loads(pickled)(index, overrides)
