"""A sweep as jobs of a batch system (Slurm), each of which does many runs in one warm process."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from whyrelu.errors import UserError
from whyrelu.interruption import at_end, ended_by_others
from whyrelu.launch.elsewhere import SOURCE, Worker
from whyrelu.launch.workers import Needs, workers
from whyrelu.results.files import write_bytes
from whyrelu.runs.store import refresh

# Seconds between two looks at the jobs.
POLL_SECONDS = 0.5

Call = tuple[int, Sequence[str]]


@dataclass
class RunTaker:
    """What one job does: it takes runs that no other job of its sweep has taken, one after the other.

    So jobs that start late, or get the long runs, are no problem, and one that starts after all is done ends at once.

    Attributes:
        worker: does a run.
        calls: all runs of the sweep.
        folder: shared by all jobs: <index> says which process has taken a run, <index>.done what came of it.
        taken: the run that it is at.
    """

    worker: Worker
    calls: Sequence[Call]
    folder: Path
    taken: int | None = None

    def __call__(self) -> None:
        """Do runs until none is left, or the sweep has ended."""
        for index, overrides in self._begun():
            self._do(index, overrides)
        # once more, because other jobs give back what they cannot finish
        while [self._do(index, overrides) for index, overrides in self.calls if self._take(index)]:
            pass

    def checkpoint(self) -> Any:
        """Before its time is over, or another job takes its place: give back what is not done, and queue once more."""
        import submitit

        # a signal may come before it is known that a run is taken, and after it is done
        if self.taken is not None and self._is_own(self.taken) and not self._done(self.taken).exists():
            (self.folder / str(self.taken)).unlink(missing_ok=True)
        return submitit.helpers.DelayedSubmission(RunTaker(self.worker, self.calls, self.folder))

    def _begun(self) -> list[Call]:
        """Return the runs that this process had taken when its job was ended and queued once more.

        submitit calls `checkpoint` in one process of a job only; none is told if a machine fails.
        """
        refresh(self.folder)
        try:
            names = set(os.listdir(self.folder))
        except FileNotFoundError:
            # the sweep is over
            return []
        open_calls = [call for call in self.calls if str(call[0]) in names and f"{call[0]}.done" not in names]
        return [call for call in open_calls if self._is_own(call[0])]

    def _is_own(self, index: int) -> bool:
        """Return whether it was this process that has taken a run."""
        return _content(self.folder / str(index)) == _this_process()

    def _do(self, index: int, overrides: Sequence[str]) -> int:
        self.taken = index
        write_bytes(pickle.dumps(self.worker(index, overrides)), self._done(index))
        self.taken = None
        return index

    def _done(self, index: int) -> Path:
        return self.folder / f"{index}.done"

    def _take(self, index: int) -> bool:
        """Take a run, unless another job has; creating a file that must be new is safe on a network's file system."""
        try:
            with open(self.folder / str(index), "x") as file:
                file.write(_this_process())
        except (FileExistsError, FileNotFoundError):
            # without the folder the sweep is over
            return False
        return True


def _this_process() -> str:
    """Return what names this process of a job, the same after the job was queued once more."""
    import submitit

    environment = submitit.JobEnvironment()
    return f"{environment.job_id} {environment.global_rank}"


def _content(path: Path) -> str | None:
    """Return what is in a file that another process may remove; None if it is gone."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def returned(calls: Sequence[Call], folder: Path) -> dict[int, JobReturn]:
    """Return what came of those runs that are done, by index."""
    refresh(folder)
    files = {index: folder / f"{index}.done" for index, _ in calls}
    return {index: pickle.loads(file.read_bytes()) for index, file in files.items() if file.exists()}


class SubmititJobs:
    """Does the jobs of a sweep through submitit.

    Args:
        worker: what does a run.
        needs: of each.
        system: "slurm", or "local" for processes of this machine.
        folder: for scripts, logs and what passes between jobs, on a disk that all of them share.
        jobs: how many to queue at most; None for as many as this machine does at once.
        settings: of submitit: those of all systems by their names, those of Slurm alone with `slurm_` before it.

    Raises:
        UserError: submitit is not installed, or there is no such system here.
    """

    def __init__(
        self, worker: Worker, needs: Needs, system: str, folder: Path, jobs: int | None, settings: Mapping[str, Any]
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            raise UserError(
                f"hydra/launcher=submitit_{system} needs the extra: uv pip install '.[submitit]'"
            ) from error
        # it would tell each look at the jobs that fails
        logging.getLogger("submitit").setLevel(logging.ERROR)
        self._worker = worker
        self._system = system
        self._folder = folder.absolute()
        self._rounds = 0
        self.notice: str | None = None
        if jobs is None:
            jobs, self.notice = workers(needs)
        self._most = jobs
        given = {key: value for key, value in settings.items() if value is not None}
        for key, value in given.items():
            # each becomes a line of a script; only slurm_setup is there to hold lines of its own
            if key != "slurm_setup" and "\n" in str(value):
                raise UserError(f"hydra.launcher.{key} must be one line, not {value!r}")
        retries = {f"{system}_max_num_timeout": given.pop("max_num_timeout")} if "max_num_timeout" in given else {}
        try:
            self._executor = submitit.AutoExecutor(folder=self._folder / "%j", cluster=system, **retries)
            defaults = asked(needs, system, given.get("tasks_per_node"))
            setup = {key: [*defaults[key], *given[key]] for key in defaults.keys() & given.keys() & {"slurm_setup"}}
            self._executor.update_parameters(**{**defaults, **given, **setup})
        except (RuntimeError, ValueError, NameError, AssertionError, TypeError) as error:
            raise UserError(f"hydra/launcher=submitit_{system}: {' '.join(str(error).split())}") from error

    def launch(self, calls: Sequence[Call]) -> list[JobReturn]:
        """Queue jobs, wait for them and return what came of the runs, in their order.

        Raises:
            RuntimeError: runs are left, because a job died; the other jobs have ended.
        """
        self._rounds += 1
        notes = self._folder / f"taken-{self._rounds}"
        notes.mkdir(parents=True, exist_ok=True)
        taker = RunTaker(self._worker, [(index, list(overrides)) for index, overrides in calls], notes)
        with importable(), ended_by_others(), _out_of_reach_of_the_terminal(), self._executor.batch():
            jobs = [self._executor.submit(taker) for _ in range(min(self._most, len(calls)))]
        try:
            with at_end(lambda: self._cancel_all(jobs)):
                while not all(job.done() for job in jobs):
                    time.sleep(POLL_SECONDS)
        except BaseException:
            self._cancel_all(jobs)
            raise
        done = returned(calls, notes)
        if lost := [index for index, _ in calls if index not in done]:
            tasks = (job.task(number) for job in jobs for number in range(job.num_tasks))
            reason = next((_why(task) for task in tasks if not task.paths.result_pickle.exists()), "no job took them")
            raise RuntimeError(f"{len(lost)} of {len(calls)} runs were not done: {reason}")
        return [done[index] for index, _ in calls]

    def _cancel_all(self, jobs: Sequence[Any]) -> None:
        for job in jobs:
            with contextlib.suppress(Exception):
                self._cancel(job)

    def _cancel(self, job: Any) -> None:
        if self._system != "local":
            job.cancel(check=False)
            return
        import psutil

        controller = psutil.Process(int(job.job_id))
        processes = [*controller.children(recursive=True), controller]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=5)
        job.done()

    def close(self) -> None:
        """Nothing is left to end: a job ends when no run is left."""


def asked(needs: Needs, system: str, tasks: int | None = None) -> dict[str, Any]:
    """Return what each job asks for, unless the settings say otherwise.

    Args:
        needs: of each run.
        system: "slurm" or "local".
        tasks: processes of a job, each of which is at a run; None for as many as share a GPU.
    """
    if system == "local":
        return {}
    defaults: dict[str, Any] = {
        "cpus_per_task": needs.threads,
        "slurm_setup": [f"export PYTHONPATH={shlex.quote(str(SOURCE))}${{PYTHONPATH:+:$PYTHONPATH}}"],
    }
    # several runs share a GPU as tasks of one job, which take runs as jobs do
    tasks = tasks or (max(1, int(1 / needs.gpus + 1e-9)) if needs.gpus > 0 else 1)
    if needs.gpus > 0:
        defaults |= {"gpus_per_node": max(1, round(needs.gpus)), "tasks_per_node": tasks}
    return defaults | {"mem_gb": -(-needs.memory * tasks // 10**9)}


@contextmanager
def importable(source: Path = SOURCE) -> Iterator[None]:
    """Let processes that are started from here import what is in a folder, by default this package."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextmanager
def _out_of_reach_of_the_terminal() -> Iterator[None]:
    """Let processes that are started from here ignore Ctrl-C, which they would answer with a traceback each."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _why(task: Any) -> str:
    """Return in one line how a job ended that has no result."""
    lines = [line for line in (task.stderr() or "").splitlines() if line.strip()]
    state = str(task.state).lower()
    return f"job {task.job_id} ended ({state}){': ' + lines[-1].strip() if lines else ''}"
