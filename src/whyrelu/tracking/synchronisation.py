"""Bringing MLflow into agreement with runs/: all of it, or a few runs that have just finished."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whyrelu.errors import UserError, notice
from whyrelu.tracking.client import (
    TrackingError,
    connect,
    put_aside_damaged,
    quiet_mlflow,
    reason,
    without_password,
    writing,
)
from whyrelu.tracking.content import digest, start_time
from whyrelu.tracking.index import Finished, RecordIndex
from whyrelu.tracking.labels import cell_labels, run_label
from whyrelu.tracking.view import StudyView

# Seconds to wait for another process that writes to the same MLflow.
WAIT_FOR_OTHERS = 60.0


@dataclass
class Counts:
    """What a synchronisation did: runs and cells written, and runs that were there already."""

    studies: int = 0
    runs: int = 0
    cells: int = 0
    unchanged: int = 0


class Synchroniser:
    """Writes finished runs to one MLflow.

    Args:
        uri: MLflow's address.
        run_root: folder of the runs.

    Attributes:
        complete: ids of the runs that are in MLflow, with their cells up to date, as far as this object knows.
        rejected: why MLflow did not take a run, by its id; it took others.
        on_cell: called whenever a cell is up to date.
    """

    def __init__(self, uri: str, run_root: Path) -> None:
        self.uri = uri
        self.run_root = run_root
        self.index = RecordIndex(run_root)
        self.complete: set[str] = set()
        self.rejected: dict[str, str] = {}
        self.on_cell: Callable[[], None] = lambda: None

    def prepare(self, wait: float = WAIT_FOR_OTHERS) -> None:
        """Create the database if there is none, or see whether the server answers.

        Raises:
            TrackingError: it cannot be used.
        """
        with quiet_mlflow(), writing(self.uri, self.run_root, wait):
            try:
                connect(self.uri).search_experiments(max_results=1)
            except Exception as error:
                raise self._error(error) from error

    def synchronise(
        self, study: str | None = None, run_ids: Collection[str] | None = None, wait: float = WAIT_FOR_OTHERS
    ) -> Counts:
        """Write what MLflow does not have, and bring the cells of it up to date.

        Args:
            study: only this one.
            run_ids: only the cells of these, which are always whole: as many runs below them as their numbers say.
            wait: seconds to wait for another process that writes.

        Raises:
            TrackingError: MLflow cannot be used; what was written stays, and `complete` tells what that is.
        """
        self.index.refresh()
        studies: dict[str, list[Finished]] = defaultdict(list)
        for run in self.index.runs.values():
            if study in (None, run.study):
                studies[run.study].append(run)
        counts = Counts()
        if not studies:
            return counts
        with quiet_mlflow(), writing(self.uri, self.run_root, wait):
            try:
                client = connect(self.uri)
                for name, runs in sorted(studies.items()):
                    if run_ids is None or any(run.run_id in run_ids for run in runs):
                        view = StudyView(client, name)
                        view.open()
                        self._synchronise_study(view, runs, run_ids, counts)
                        counts.studies += 1
            except Exception as error:
                raise self._error(error) from error
        return counts

    def _synchronise_study(
        self, view: StudyView, runs: list[Finished], run_ids: Collection[str] | None, counts: Counts
    ) -> None:
        view.remove_surplus()
        cells: dict[str, list[Finished]] = defaultdict(list)
        for run in sorted(runs, key=lambda run: (run.seed, run.run_id)):
            cells[run.cell].append(run)
        labels = cell_labels({cell: members[0].factors for cell, members in cells.items()})
        for cell, members in sorted(cells.items(), key=lambda item: labels[item[0]]):
            if run_ids is None or any(run.run_id in run_ids for run in members):
                self._synchronise_cell(view, labels[cell], members, counts)
            # A new cell can change what tells the others apart.
            if cell in view.cells:
                view.rename(view.cells[cell], labels[cell])
            for run in members:
                if run.run_id in view.runs:
                    view.rename(view.runs[run.run_id], run_label(labels[cell], run.seed))

    def _synchronise_cell(self, view: StudyView, label: str, members: list[Finished], counts: Counts) -> None:
        cell = members[0].cell
        missing = [run for run in members if run.run_id not in view.runs or view.runs[run.run_id].digest != run.digest]
        # its figure bears its name
        version = digest([label, *sorted(run.digest for run in members)])
        records = {}
        if missing or cell not in view.cells or view.cells[cell].digest != version:
            records = {record["run_id"]: record for record in self.index.records_of(cell)}
            view.ensure_cell(cell, label, min(start_time(record) for record in records.values()))
        for run in missing:
            name, files = run_label(label, run.seed), self.index.files(run.run_id)
            with self._rejecting(run):
                view.write_run(records[run.run_id], name, cell, run.digest, files)
                counts.runs += 1
        if view.cells[cell].digest != version:
            with self._rejecting(*members):
                view.write_cell(list(records.values()), label, cell, version)
                counts.cells += 1
        for run in members:
            if run.run_id in view.runs:
                view.adopt(run.run_id, cell)
        counts.unchanged += len(members) - len(missing)
        self.complete |= {run.run_id for run in members} - self.rejected.keys()
        self.on_cell()

    @contextmanager
    def _rejecting(self, *runs: Finished) -> Iterator[None]:
        """Note it if MLflow does not like what it is given, and go on: it may well take the next."""
        try:
            yield
        except Exception as error:
            if not is_refusal(error):
                raise
            self.rejected |= {run.run_id: reason(error) for run in runs}

    def _error(self, error: Exception) -> TrackingError:
        if isinstance(error, TrackingError):
            return error
        return TrackingError(f"{without_password(self.uri)}: {reason(error)}")


def is_refusal(error: Exception) -> bool:
    """Whether MLflow works, and does not like what it was given: who asks, where and how often is not about that."""
    from mlflow.exceptions import MlflowException

    if not isinstance(error, MlflowException):
        return False
    code = int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    return 400 <= code < 500 and code not in (401, 403, 404, 407, 408, 429)


def synchronise(uri: str, run_root: Path, study: str | None = None) -> Counts:
    """Complete MLflow's view of all finished runs, of one study or of all; doing it twice changes nothing.

    A database that is damaged is moved aside first.

    Args:
        uri: MLflow's address.
        run_root: folder of the runs.
        study: name of the study; None for all that have runs.

    Raises:
        UserError: MLflow cannot be reached, refuses some of the runs, or there is no finished run.
    """
    with writing(uri, run_root, WAIT_FOR_OTHERS):
        try:
            aside = put_aside_damaged(uri)
        except OSError as error:
            raise TrackingError(f"{uri}: damaged, and cannot be moved aside: {error.strerror}") from error
    if aside is not None:
        notice(f"{uri} is damaged: moved aside to {aside.name}, and made anew of the runs")
    synchroniser = Synchroniser(uri, run_root)
    counts = synchroniser.synchronise(study)
    if not counts.studies:
        raise UserError(f"no finished run{f' of study {study}' if study else ''} in {run_root}/")
    if synchroniser.rejected:
        run_id, why = next(iter(synchroniser.rejected.items()))
        raise UserError(f"MLflow refused {len(synchroniser.rejected)} runs, the first of them {run_id}: {why}")
    return counts


def ui_command(uri: str) -> str:
    """Return how to look at what is tracked, in one line."""
    if uri.startswith("http"):
        return f"open {without_password(uri)}"
    return f"mlflow ui --backend-store-uri {without_password(uri)} --host 127.0.0.1    and open http://127.0.0.1:5000"
