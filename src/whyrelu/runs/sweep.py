"""A sweep: the runs of a grid that are not done, handed to a Hydra launcher; and the job that a worker does."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import psutil
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from whyrelu.config.grid import Run, resolve
from whyrelu.errors import UserError, one_line
from whyrelu.runs.execute import execute, needs_nothing
from whyrelu.runs.plan import identify, one_study, prepare_data
from whyrelu.runs.progress import display
from whyrelu.runs.provenance import other_code_notice
from whyrelu.runs.store import Record, RunStore

# Takes MLflow's address, the store and the ids of the runs, and shows them while the context lasts.
Follow = Callable[[str | None, RunStore, Sequence[str]], AbstractContextManager[object]]


def sweep(
    runs: Sequence[Run],
    launcher: Launcher,
    follow: Follow = lambda *_: nullcontext(),
    show: Callable[[Sequence[Run]], None] = lambda _: None,
) -> list[Run]:
    """Do what is not done of a grid, shared with other sweeps that are at it; give its runs, each once and identified.

    `show` prints what came out. A run that failed is a UserError after all others were done.
    """
    one_study(run.config for run in runs)
    prepare_data(run.config for run in runs)
    runs = identify(runs)
    store = RunStore.of(runs[0].config)
    found = ((run, store.record(run.run_id)) for run in runs)
    before = {run.run_id: record for run, record in found if not needs_nothing(store, record, run.config)}
    waiting = [run for run in runs if run.run_id in before]
    labels = {run.run_id: run.label for run in waiting}
    done = len(runs) - len(waiting)
    print(f"{len(runs)} runs" + (f", {done} of them done already" if done else ""), flush=True)
    kept = (store.record(run.run_id) for run in runs if run.run_id not in before)
    if notice := other_code_notice(filter(None, kept)):
        print(notice, flush=True)
    if not waiting:
        show(runs)
        return runs
    with (
        follow(runs[0].config["mlflow"]["tracking_uri"], store, [run.run_id for run in runs]),
        display(store, labels, before) as look,
    ):
        # first what no other process is at, so that two sweeps share the work
        for wait in (False, True):
            ended = look()
            _launch([run for run in waiting if run.run_id not in ended], launcher, store, look, wait)
    show(runs)
    # of the store, because another sweep may have tried one again
    records = filter(None, (store.record(run.run_id) for run in waiting))
    if failed := [record for record in records if record["status"] == "failed"]:
        raise UserError(
            f"{len(failed)} of {len(labels)} runs failed, the first ({labels[failed[0]['run_id']]}): "
            f"{failed[0]['error']}; the others went on; the same command tries the failed ones again"
        )
    return runs


def _launch(
    waiting: Sequence[Run], launcher: Launcher, store: RunStore, look: Callable[[], Mapping[str, Record]], wait: bool
) -> None:
    """Launch runs, those at which another process is only with `wait`.

    Those whose worker died before are launched last and one by one, so that each answers for itself alone.
    """
    suspects = [run for run in waiting if store.deaths(run.run_id)]
    others = [run for run in waiting if not store.deaths(run.run_id)]
    for runs in filter(None, [others, *([run] for run in suspects)]):
        # what was killed before with its whole sweep is nobody's fault
        for run in runs:
            store.forget_start(run.run_id)
        try:
            said = _done_by_workers([_typed(run, wait) for run in runs], launcher)
        except UserError:
            for run in runs:
                store.count_death(run.run_id)
            raise
        ended = look()
        for run, word in zip(runs, said, strict=True):
            if run.run_id not in ended and (word or wait):
                raise UserError(f"{run.label}: {word or 'it left no record'}; the same command goes on")


def _typed(run: Run, wait: bool) -> list[str]:
    """How a worker is told of a run: its device is what was found here, and its id is text, whatever its digits."""
    device = run.config["trainer"]["accelerator"]
    return [*run.overrides, f"trainer.accelerator={device}", f"+wait={wait}", f"+run_id='{run.run_id}'"]


def _done_by_workers(jobs: list[list[str]], launcher: Launcher) -> list[str | None]:
    """What `job` said in each worker; none outlives an interruption or the death of another, which is a UserError."""
    # Ctrl-C reaches every process of the terminal. Workers inherit that they do not hear it, and are ended by this one,
    # which hears it in its other threads.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        try:
            return [done.return_value for done in launcher.launch(jobs, initial_job_idx=0)]
        except Exception as error:
            # the launcher's: jobs return their own errors
            _end_children()
            raise UserError(
                f"a worker died or could not be started ({one_line(error)[:300]}); what is finished is kept, and the "
                "same command goes on"
            ) from error
    except (KeyboardInterrupt, SystemExit):
        # SystemExit is Ray's answer to SIGTERM, and comes late, out of the lines above, if it ended Ray's own start;
        # with it Ray sets an alarm, to abort three seconds later
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
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
    psutil.wait_procs(ending, timeout=5)


def job(config: DictConfig) -> str | None:
    """Do one run of a sweep in a worker, told by `wait` and `run_id` of `_typed`; return why it could not be, if so."""
    # a person's own activation may live beside where the command is typed
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        values = resolve(OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("wait", "run_id")]))
        execute(values, OmegaConf.select(config, "run_id"), OmegaConf.select(config, "wait", default=True))
    except Exception as error:
        return one_line(error)
    return None
