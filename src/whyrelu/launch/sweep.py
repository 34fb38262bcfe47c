"""A sweep: the runs of a grid that are not done, handed to a Hydra launcher; and the job that one worker does."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from rich.console import Console

from whyrelu.configuration.composition import compose_grid
from whyrelu.data.preparation import prepare
from whyrelu.errors import UserError, one_line
from whyrelu.launch.events import Event, EventReader, emit
from whyrelu.launch.progress import SweepDisplay
from whyrelu.runs.execution import execute
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

    Raises:
        UserError: the grid cannot be composed, or at least one of its runs failed; the others went on.
    """
    console = Console()
    jobs = compose_grid(overrides)
    for config in {job.config["data"]["name"]: job.config for job in jobs}.values():
        prepare(config["data"], Path(config["prepared_root"]))
    runs = identify(jobs)
    config = runs[0].config
    store = RunStore(Path(config["run_root"]))
    done = {run.run_id for run in runs if store.is_done(run.run_id)}
    waiting = [run for run in runs if run.run_id not in done]
    console.print(f"{len(runs)} runs" + (f", {len(done)} of them done already" if done else ""), highlight=False)
    if not waiting:
        return []
    try:
        with Tracker(config["mlflow"]["tracking_uri"], store.root) as tracker:
            # those that an earlier sweep finished but was killed before it could track
            for identity in done:
                tracker.submit(identity)
            return _launch(waiting, launcher, directory, console, tracker)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _launch(
    waiting: list[PlannedRun], launcher: Launcher, directory: Path, console: Console, tracker: Tracker
) -> Sequence[JobReturn]:
    labels = {run.run_id: run.label for run in waiting}
    with SweepDisplay(labels, EventReader(directory), console, tracker.submit) as display:
        try:
            returns: Sequence[JobReturn] = launcher.launch([run.overrides for run in waiting], initial_job_idx=0)
        except Exception as error:  # a job tells its failures: this is the launcher's own, such as a worker that died
            raise UserError(
                f"the launcher stopped: {one_line(error)}; what is finished is kept, and the same command goes on"
            ) from error
    if display.failures:
        first, reason = next(iter(display.failures.items()))
        raise UserError(
            f"{len(display.failures)} of {len(waiting)} runs failed, the first ({labels.get(first, first)}): {reason}; "
            "the others went on; the same command tries the failed ones again"
        )
    return returns


def job(config: Mapping[str, Any], directory: Path) -> None:
    """Do one run of a sweep in a worker and tell what came of it; failures are told, not raised.

    Args:
        config: a resolved configuration.
        directory: of the sweep's bookkeeping.
    """
    identity = run_id(config, data_fingerprint(config))
    emit(directory, Event("started", identity, ""))
    try:
        record, trained = execute(config)
        kind = record["status"] if trained else "skipped"
        event = Event(kind, identity, describe(record), record["provenance"]["seconds"])
    except Exception as error:
        event = Event("failed", identity, one_line(error))
    emit(directory, event)


def describe(record: Record) -> str:
    """Return what came of a run, in words."""
    if record["status"] == "failed":
        return str(record["error"])
    accuracy = f"test accuracy {record['metrics']['test_accuracy']:.3f}"
    if record["status"] == "diverged":
        return f"diverged in epoch {record['metrics']['epochs_run']}"
    return f"{accuracy}, at chance" if record["at_chance"] else accuracy
