"""A sweep: the runs of a grid that are not done, handed to a Hydra launcher; and the job that a worker does."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import psutil
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from whyrelu.config.grid import Run, resolve
from whyrelu.errors import UserError, one_line
from whyrelu.runs.execute import execute, needs_nothing
from whyrelu.runs.plan import identify, one_study, prepare_data
from whyrelu.runs.progress import SweepDisplay
from whyrelu.runs.provenance import other_code_notice
from whyrelu.runs.store import RunStore

# Takes MLflow's address, the store and the ids of the runs, and shows them while the context lasts.
Follow = Callable[[str | None, RunStore, Sequence[str]], AbstractContextManager[object]]

# What a job says of a run that another sweep is at.
BUSY = "busy"
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_END = 5.0


def sweep(
    runs: Sequence[Run],
    launcher: Launcher,
    follow: Follow = lambda *_: nullcontext(),
    show: Callable[[Sequence[Run]], None] = lambda _: None,
) -> list[Run]:
    """Do what is not done of a grid, and share it with other sweeps that are at the same runs.

    Args:
        runs: the grid, learning rates looked up.
        launcher: Hydra's, whose workers call `job`.
        follow: shows runs elsewhere while they end.
        show: prints what came out, also if some runs failed.

    Returns:
        the runs of the grid, each once and with its identity.

    Raises:
        UserError: their data cannot be prepared, a worker died, or at least one run failed while the others went on.
    """
    console = Console(highlight=False, soft_wrap=True)
    one_study(run.config for run in runs)
    prepare_data(run.config for run in runs)
    runs = identify(runs)
    store = RunStore.of(runs[0].config)
    # before anything else is read: another sweep may finish a run meanwhile
    before = {run.run_id: store.recorded_at(run.run_id) for run in runs}
    waiting = [run for run in runs if not needs_nothing(store, run.run_id, run.config)]
    done = len(runs) - len(waiting)
    console.print(f"{len(runs)} runs" + (f", {done} of them done already" if done else ""))
    left = {run.run_id for run in waiting}
    kept = (store.record(run.run_id) for run in runs if run.run_id not in left)
    if notice := other_code_notice(record for record in kept if record is not None):
        console.print(notice)
    if not waiting:
        show(runs)
        return runs
    labels = {run.run_id: run.label for run in waiting}
    with (
        follow(runs[0].config["mlflow"]["tracking_uri"], store, [run.run_id for run in runs]),
        SweepDisplay(store, labels, before, console) as display,
    ):
        while waiting:
            busy = _launch(waiting, launcher, store, display)
            waiting = _wait_for_others(busy, store, display)
    show(runs)
    failed = [record for record in display.ended.values() if record["status"] == "failed"]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(labels)} runs failed, the first ({labels[failed[0]['run_id']]}): "
            f"{failed[0]['error']}; the others went on; the same command tries the failed ones again"
        )
    return runs


def _launch(waiting: Sequence[Run], launcher: Launcher, store: RunStore, display: SweepDisplay) -> list[Run]:
    """Launch runs; return those that another sweep is at.

    Those whose worker died before are launched last and one by one, so that each answers for itself alone.
    """
    suspects = [run for run in waiting if store.deaths(run.run_id)]
    alone = {run.run_id for run in suspects}
    others = [run for run in waiting if run.run_id not in alone]
    for runs in filter(None, [others, *([run] for run in suspects)]):
        for run in runs:
            store.forget_start(run.run_id)
        try:
            said = _done_by_workers([_typed(run) for run in runs], launcher)
        except UserError:
            for run in runs:
                store.count_death(run.run_id)
            raise
        display.refresh()
        for run, word in zip(runs, said, strict=True):
            if word != BUSY and run.run_id not in display.ended:
                raise UserError(f"{run.label}: {word or 'it left no record'}; the same command goes on")
    return [run for run in waiting if run.run_id not in display.ended]


def _typed(run: Run) -> list[str]:
    """How a worker is told of a run: its device is what was found here, and its id is text, whatever its digits."""
    return [*run.overrides, f"trainer.accelerator={run.config['trainer']['accelerator']}", f"+run_id='{run.run_id}'"]


def _done_by_workers(jobs: list[list[str]], launcher: Launcher) -> list[str | None]:
    """Return what `job` said in each worker; none outlives an interruption or the death of another.

    Raises:
        UserError: a worker died. Jobs tell their own errors, so that others are the launcher's.
    """
    # Ctrl-C reaches every process of the terminal. Workers inherit that they do not hear it, and are ended by this one,
    # which hears it in its other threads.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return [done.return_value for done in launcher.launch(jobs, initial_job_idx=0)]
    except Exception as error:
        _end_children()
        raise UserError(
            f"a worker died or could not be started ({one_line(error)[:300]}); what is finished is kept, and the same "
            "command goes on"
        ) from error
    except (KeyboardInterrupt, SystemExit):
        # SystemExit is Ray's answer to SIGTERM; with it Ray sets an alarm, to abort three seconds later
        signal.alarm(0)
        _end_children()
        raise KeyboardInterrupt from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)


def _end_children() -> None:
    """End the workers on this machine: not every launcher does."""
    ending = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            # joblib's tracker cleans up after the others, and ends with this process
            if not any("resource_tracker" in word for word in child.cmdline()):
                child.kill()
                ending.append(child)
    psutil.wait_procs(ending, timeout=_SECONDS_TO_END)


def _wait_for_others(waiting: Sequence[Run], store: RunStore, display: SweepDisplay) -> list[Run]:
    """Wait for runs that another sweep is at; return those that are not done when it has let go of one of them."""
    left = list(waiting)
    while left:
        free = set()
        for run in left:
            with store.claim(run.run_id, wait=False) as is_free:
                if is_free:
                    free.add(run.run_id)
        # after the claims: who lets go of a run that is done has recorded it before
        display.refresh()
        left = [run for run in left if run.run_id not in display.ended]
        if any(run.run_id in free for run in left):
            return left
        if left:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    return left


def job(config: DictConfig) -> str | None:
    """Do one run of a sweep in a worker.

    Args:
        config: as Hydra composes it in the worker, with the run's identity under `run_id`.

    Returns:
        nothing if the run is on record, BUSY, or why it is not on record.
    """
    # a person's own activation may live beside where the command is typed
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        values: dict[str, Any] = resolve(OmegaConf.masked_copy(config, [str(key) for key in config if key != "run_id"]))
        record, _ = execute(values, OmegaConf.select(config, "run_id"), wait=False)
    except Exception as error:
        return one_line(error)
    return BUSY if record is None else None
