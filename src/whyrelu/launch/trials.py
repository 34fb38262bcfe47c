"""The trials of a search: each is a run like any other, and its value is the validation accuracy in the run store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf
from rich.console import Console

from whyrelu.config.composition import compose
from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError
from whyrelu.launch.deaths import how_it_died
from whyrelu.launch.workers import size
from whyrelu.runs.execution import record_death
from whyrelu.runs.identity import run_id
from whyrelu.runs.store import RunStore
from whyrelu.tracking import Tracker


@dataclass
class Trial:
    """One trial: how its run is started, called and identified, and its validation accuracy, or why it has none."""

    overrides: list[str]
    label: str
    config: dict[str, Any]
    run_id: str
    value: float | None = None
    error: str | None = None


@dataclass
class _FailedJob(JobReturn):
    """A failure that has been printed, which Hydra's own class would print again."""

    @property  # type: ignore[misc]  # nobody sets it
    def return_value(self) -> Any:
        raise self._return_value


class TrialLauncher:
    """Stands between a sweeper that optimises and the launcher it uses, as a context manager.

    It has the launcher do only what is not done, and returns validation accuracies.

    Args:
        launcher: Hydra's, which calls `whyrelu.launch.sweep.job` in its workers.
        fixed: keys of the settings that all trials share.
        total: how many trials there will be.
        console: where to print a line per trial.
    """

    def __init__(self, launcher: Launcher, fixed: Collection[str], total: int, console: Console) -> None:
        self._launcher = launcher
        self._fixed = fixed
        self._total = total
        self._console = console
        self._tracker: Tracker | None = None
        self._stack = ExitStack()
        self.trials: list[Trial] = []

    def __enter__(self) -> Self:
        """Begin; what is needed is known with the first trial."""
        return self

    def __exit__(self, *exception: Any) -> None:
        """Close the tracker."""
        self._stack.__exit__(*exception)

    @property
    def store(self) -> RunStore:
        """Where the runs are."""
        return RunStore(Path(self.trials[0].config["run_root"]))

    @property
    def study(self) -> str:
        """The study that the runs belong to."""
        return str(self.trials[0].config["study"])

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Do a batch of trials, as a launcher does.

        Args:
            job_overrides: of each trial.
            initial_job_idx: how many there were before.

        Returns:
            One per trial, with its validation accuracy or a `UserError` that says why there is none.

        Raises:
            UserError: a trial cannot be composed, or its data cannot be prepared.
        """
        batch = [self._trial(overrides) for overrides in job_overrides]
        self.trials += batch
        if self._tracker is None:
            uri = batch[0].config["mlflow"]["tracking_uri"]
            self._tracker = self._stack.enter_context(Tracker(uri, self.store.root))
        # a sampler may ask for the same run twice
        waiting = {trial.run_id: trial for trial in batch if not self.store.is_done(trial.run_id)}
        errors = self._train(list(waiting.values()), initial_job_idx)
        for number, trial in enumerate(batch, start=initial_job_idx + 1):
            self._take_value(trial, errors.get(trial.run_id))
            self._tracker.submit(trial.run_id)
            self._print_line(number, trial, trained=trial.run_id in waiting)
        return [_told(trial) for trial in batch]

    def _trial(self, overrides: Sequence[str]) -> Trial:
        config = OmegaConf.to_container(compose(overrides))
        assert isinstance(config, dict)
        # before several workers would do it at once
        facts = prepare(config["data"], Path(config["prepared_root"]))
        label = " ".join(text for text in overrides if text.partition("=")[0] not in self._fixed)
        plain = {str(key): value for key, value in config.items()}
        return Trial(list(overrides), label, plain, run_id(plain, facts["fingerprint"]))

    def _train(self, waiting: Sequence[Trial], index: int) -> dict[str, str]:
        """Launch trials; if a worker dies those without a record are tried once more, each alone.

        Returns:
            run_id to why the launcher could not do it.
        """
        if not waiting:
            return {}
        if notice := size(self._launcher, [trial.config for trial in waiting]):
            self._console.print(notice, markup=False)
        begun = {trial.run_id: self._started(trial) for trial in waiting}
        try:
            self._launcher.launch([trial.overrides for trial in waiting], initial_job_idx=index)
            return {}
        except Exception:  # jobs write down their own failures
            errors = {}
            for trial in waiting:
                if self._started(trial) != begun[trial.run_id]:
                    continue
                try:
                    self._launcher.launch([trial.overrides], initial_job_idx=index)
                except Exception as again:
                    if self._started(trial) != begun[trial.run_id]:
                        continue
                    errors[trial.run_id] = f"its worker died twice: {how_it_died(again)}"
                    with suppress(UserError):
                        record_death(trial.config, errors[trial.run_id])
            return errors

    def _started(self, trial: Trial) -> str | None:
        """When the run that is on record was started; None without a record."""
        record = self.store.record(trial.run_id)
        return None if record is None else str(record["provenance"]["started"])

    def _take_value(self, trial: Trial, error: str | None) -> None:
        record = self.store.record(trial.run_id)
        if error is not None or record is None:
            trial.error = error or "it left no record"
        elif record["status"] == "failed":
            trial.error = str(record["error"])
        else:
            # of a run that diverged too: it is as good as its network is
            trial.value = record["metrics"]["val_accuracy"]
            trial.error = None if trial.value is not None else "it has no validation accuracy"

    def _print_line(self, number: int, trial: Trial, trained: bool) -> None:
        if trial.value is None:
            what = f"failed: {trial.error}"
        else:
            record = self.store.record(trial.run_id)
            assert record is not None
            seconds = f"{record['provenance']['seconds']:.1f} s" if trained else "done already"
            what = f"validation accuracy {trial.value:.3f}  {seconds}"
        width = len(str(self._total))
        self._console.print(
            f"[{number:{width}}/{self._total}] {trial.label}  {what}",
            style="red" if trial.value is None else "",
            markup=False,
        )


def _told(trial: Trial) -> JobReturn:
    """What the sweeper is told of a trial."""
    if trial.value is None:
        error = UserError(f"{trial.label}: {trial.error}")
        return _FailedJob(overrides=trial.overrides, status=JobStatus.FAILED, _return_value=error)
    return JobReturn(overrides=trial.overrides, status=JobStatus.COMPLETED, _return_value=trial.value)
