"""The display of a sweep, which polls the store: a line per run that ended, and what is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from whyrelu.runs.execute import describe
from whyrelu.runs.store import Record, RunStore

# Seconds between two looks, at least so many times what the last one took: there is a folder per run.
_POLL_SECONDS, _POLL_SHARE = 0.2, 20.0


class SweepDisplay:
    """Follows runs in a thread of its own, as a context manager.

    Args:
        store: where they are recorded.
        labels: what each run is called, by its id.
        console: where to print.
    """

    def __init__(self, store: RunStore, labels: Mapping[str, str], console: Console) -> None:
        self._store = store
        self._labels = labels
        self._console = console
        # a record that is there already is of an attempt that failed, or of other code
        self._before = {run_id: store.recorded_at(run_id) for run_id in labels}
        self.ended: dict[str, Record] = {}
        self._begin = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sweep display", daemon=True)
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting workers", total=len(labels))

    def __enter__(self) -> SweepDisplay:
        self._progress.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._progress.stop()

    def refresh(self) -> None:
        """Look at the store now."""
        for run_id in self._labels:
            if run_id not in self.ended and self._store.recorded_at(run_id) != self._before[run_id]:
                record = self._store.record(run_id)
                if record is not None:
                    self.ended[run_id] = record
                    self._print_line(record)
        failed = sum(record["status"] == "failed" for record in self.ended.values())
        summary = f"{len(self.ended)} of {len(self._labels)} finished, {failed} failed, {self._time_left()}"
        self._progress.update(self._task, completed=len(self.ended), description=summary)

    def _follow(self) -> None:
        wait = _POLL_SECONDS
        while not self._stop.wait(wait):
            begin = time.monotonic()
            self.refresh()
            wait = max(_POLL_SECONDS, _POLL_SHARE * (time.monotonic() - begin))

    def _print_line(self, record: Record) -> None:
        width = len(str(len(self._labels)))
        # without a bar that says it, each line says what is left
        left = "" if self._console.is_terminal else f"  ({self._time_left()})"
        self._console.print(
            f"[{len(self.ended):{width}}/{len(self._labels)}] {self._labels[record['run_id']]}  {describe(record)}  "
            f"{record['provenance']['seconds']:.1f} s{left}",
            style={"failed": "red", "diverged": "yellow"}.get(record["status"], ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def _time_left(self) -> str:
        """The time left, supposing that what is to come takes as long per run as what is finished."""
        if not self.ended:
            return "time left unknown"
        rate = (time.monotonic() - self._begin) / len(self.ended)
        seconds = rate * (len(self._labels) - len(self.ended))
        if seconds >= 5400:
            return f"{seconds / 3600:.1f} h left"
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
