"""A sweep: the runs of a grid that are not done, handed to a Hydra launcher; and the job that one worker does."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from rich.console import Console

from whyrelu.config.composition import compose_grid
from whyrelu.config.settings import Job
from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError, one_line
from whyrelu.interruption import at_end
from whyrelu.launch.deaths import how_it_died
from whyrelu.launch.events import Event, EventReader, emit
from whyrelu.launch.progress import SweepDisplay
from whyrelu.launch.workers import size
from whyrelu.runs.execution import execute, record_death
from whyrelu.runs.identity import run_id
from whyrelu.runs.plan import PlannedRun, data_fingerprint, identify
from whyrelu.runs.store import Record, RunStore
from whyrelu.tracking import Tracker


def sweep(overrides: Sequence[str], launcher: Launcher, directory: Path) -> Sequence[JobReturn]:
    """Run what is not done of a grid.

    Args:
        overrides: the grid, as typed behind `python src/train.py -m`.
        launcher: Hydra's, which calls `job` in its workers.
        directory: for the bookkeeping of this sweep; removed at the end.

    Returns:
        What the workers returned.

    Raises:
        UserError: the grid cannot be composed, or at least one of its runs failed; the others went on.
    """
    return run_jobs(compose_grid(overrides), launcher, directory)


def run_jobs(jobs: Sequence[Job], launcher: Launcher, directory: Path) -> Sequence[JobReturn]:
    """Run what is not done of a composed grid; arguments, result and errors are as of `sweep`."""
    console = Console()
    _prepare_data(jobs)
    runs = identify(jobs)
    config = runs[0].config
    store = RunStore(Path(config["run_root"]))
    done = store.done(run.run_id for run in runs)
    waiting = [run for run in runs if run.run_id not in done]
    console.print(f"{len(runs)} runs" + (f", {len(done)} of them done already" if done else ""), highlight=False)
    if not waiting:
        return []
    if notice := size(launcher, [run.config for run in waiting]):
        console.print(notice, highlight=False, markup=False, soft_wrap=True)
    try:
        with (
            at_end(lambda: shutil.rmtree(directory, ignore_errors=True)),
            Tracker(config["mlflow"]["tracking_uri"], store.root) as tracker,
        ):
            # those that an earlier sweep finished but was killed before it could track
            for identity in done:
                tracker.submit(identity)
            with SweepDisplay(
                {run.run_id: run.label for run in waiting}, EventReader(directory), console, tracker.submit
            ) as display:
                returns = _launch(waiting, launcher, display)
                _check_that_all_ended(waiting, display)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    _report_failures(waiting, display)
    return returns


def _prepare_data(jobs: Iterable[Job]) -> None:
    """Prepare the data sets of a grid before its workers need them.

    Raises:
        UserError: two points of the grid make different data sets under one name, which would replace each other.
    """
    fingerprints: dict[tuple[str, str], str] = {}
    different = {str(config["data"]): config for config in (job.config for job in jobs)}
    for config in different.values():
        place = config["prepared_root"], config["data"]["name"]
        fingerprint = prepare(config["data"], Path(config["prepared_root"]))["fingerprint"]
        if fingerprints.setdefault(place, fingerprint) != fingerprint:
            raise UserError(
                f"the grid makes different data sets under the name {place[1]!r}: give each a sweep and a data.name of "
                "its own"
            )


def _launch(waiting: Sequence[PlannedRun], launcher: Launcher, display: SweepDisplay) -> list[JobReturn]:
    """Launch runs until each has ended; those during which a worker died are tried once more.

    Each alone, unless the launcher's workers are `isolated`: then a worker that dies takes no other run with it.
    """
    returns: list[JobReturn] = []

    def launch(batch: Sequence[PlannedRun]) -> None:
        done = launcher.launch([run.overrides for run in batch], initial_job_idx=len(returns))
        returns.extend(done)
        _take_returns(batch, done, display)

    is_second_time = False
    while waiting:
        try:
            launch(waiting)
            break
        except UserError:
            raise
        except Exception as error:  # jobs tell their failures: this is the launcher's own, such as a worker that died
            ended, begun = display.ended_and_running()
            suspects = [run for run in waiting if run.run_id in begun]
            rest = [run for run in waiting if run.run_id not in ended | begun]
            if is_second_time and len(rest) == len(waiting):
                raise UserError(f"the launcher stopped: {how_it_died(error)}; what is finished is kept") from error
            # a worker may be killed between two runs or before its first
            is_second_time = len(rest) == len(waiting)
            for batch in _batches(suspects, launcher):
                try:
                    launch(batch)
                except Exception as again:
                    ended_now, _ = display.ended_and_running()
                    for run in batch:
                        if run.run_id not in ended_now:
                            display.take(_death(run, again, alone=len(batch) == 1))
            waiting = rest
    return returns


def _batches(suspects: list[PlannedRun], launcher: Launcher) -> list[list[PlannedRun]]:
    """What is tried once more at once."""
    if getattr(launcher, "isolated", False):
        return [suspects] if suspects else []
    return [[run] for run in suspects]


def _death(run: PlannedRun, error: Exception, alone: bool) -> Event:
    """Record that the worker of a run died for the second time.

    Args:
        run: what it was at.
        error: the launcher's, which may be of another run unless this one was tried alone.
        alone: whether it was.
    """
    reason = f"its worker died twice{'' if alone else ', or another beside it did'}: {how_it_died(error)}"
    try:
        record = record_death(run.config, reason)
    except UserError as unwritable:
        return Event("failed", run.run_id, f"{reason}; {unwritable}")
    # another sweep may have done it meanwhile
    return Event("failed" if record["status"] == "failed" else "skipped", run.run_id, describe(record))


def _take_returns(runs: Sequence[PlannedRun], returns: Sequence[JobReturn], display: SweepDisplay) -> None:
    """Count what came back with the launcher, which may be faster than the shared disk, or could not even begin."""
    for run, done in zip(runs, returns, strict=True):
        if done.status is JobStatus.FAILED:
            display.take(Event("failed", run.run_id, one_line(done._return_value)))
        elif isinstance(done.return_value, Event):
            display.take(done.return_value)


def _check_that_all_ended(waiting: Sequence[PlannedRun], display: SweepDisplay) -> None:
    ended, _ = display.ended_and_running()
    for run in waiting:
        if run.run_id not in ended:
            display.take(Event("failed", run.run_id, "it ended without a word"))


def _report_failures(waiting: Sequence[PlannedRun], display: SweepDisplay) -> None:
    if display.failures:
        labels = {run.run_id: run.label for run in waiting}
        first, reason = next(iter(display.failures.items()))
        raise UserError(
            f"{len(display.failures)} of {len(waiting)} runs failed, the first ({labels.get(first, first)}): {reason}; "
            "the others went on; the same command tries the failed ones again"
        )


def job(config: Mapping[str, Any], directory: Path) -> Event:
    """Do one run of a sweep in a worker and tell what came of it; failures are told, not raised.

    Args:
        config: a resolved configuration.
        directory: of the sweep's bookkeeping.

    Returns:
        the event that was told last, for launchers that hand it back.
    """
    if multiprocessing.current_process().name != "MainProcess":
        # Ctrl-C reaches every process of the terminal; the one that launched the sweep ends the others
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # imported here so that the seconds it takes once per worker are no run's
    import whyrelu.training.fit  # noqa: F401

    identity = run_id(config, data_fingerprint(config))
    emit(directory, Event("started", identity, ""))
    try:
        record, trained = execute(config)
        kind = record["status"] if trained else "skipped"
        event = Event(kind, identity, describe(record), record["provenance"]["seconds"])
    except Exception as error:
        event = Event("failed", identity, one_line(error))
    emit(directory, event)
    return event


def describe(record: Record) -> str:
    """Return what came of a run, in words."""
    if record["status"] == "failed":
        return str(record["error"])
    accuracy = f"test accuracy {record['metrics']['test_accuracy']:.3f}"
    if record["status"] == "diverged":
        return f"diverged in epoch {record['metrics']['epochs_run']}"
    return f"{accuracy}, at chance" if record["at_chance"] else accuracy
