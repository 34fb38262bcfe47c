"""The display of a sweep, which polls the store: a line per run that ended, and what is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console

from whyrelu.runs.execute import describe
from whyrelu.runs.store import Record, RunStore

# Seconds between two looks, at least so many times what the last one took: there is a folder per run.
_POLL_SECONDS, _POLL_SHARE = 0.2, 20.0


class SweepDisplay:
    """Follows runs in a thread of its own, as a context manager.

    Args:
        store: where they are recorded.
        labels: what each run is called, by its id.
        before: when those were recorded that failed before, or are of other code; None for the others.
        console: where to print.
    """

    def __init__(
        self, store: RunStore, labels: Mapping[str, str], before: Mapping[str, int | None], console: Console
    ) -> None:
        self._store = store
        self._labels = labels
        self._before = before
        self._console = console
        self.ended: dict[str, Record] = {}
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sweep display", daemon=True)

    def __enter__(self) -> SweepDisplay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def refresh(self) -> None:
        """Look at the store now."""
        with self._lock:
            for run_id in self._labels:
                if run_id not in self.ended and self._store.recorded_at(run_id) != self._before[run_id]:
                    record = self._store.record(run_id)
                    if record is not None:
                        self.ended[run_id] = record
                        self._print_line(record)

    def _follow(self) -> None:
        wait = _POLL_SECONDS
        while not self._stop.wait(wait):
            begin = time.monotonic()
            self.refresh()
            wait = max(_POLL_SECONDS, _POLL_SHARE * (time.monotonic() - begin))

    def _print_line(self, record: Record) -> None:
        count, total = len(self.ended), len(self._labels)
        # supposing that what is to come takes as long per run as what is finished
        seconds = (time.monotonic() - self._begin) / count * (total - count)
        left = f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
        self._console.print(
            f"[{count:{len(str(total))}}/{total}] {self._labels[record['run_id']]}  {describe(record)}  "
            f"{record['provenance']['seconds']:.1f} s  ({left})",
            style={"failed": "red", "diverged": "yellow"}.get(record["status"], ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
