"""The display of a sweep: a line per finished run, and what is finished, running, failed and left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from whyrelu.launch.events import Event, EventReader

POLL_SECONDS = 0.2
# Seconds between two looks, at least so many times what the last one took: there may be a file per run.
POLL_SHARE = 20.0


class SweepDisplay:
    """Follows the events of a sweep in a thread of its own, as a context manager.

    Args:
        labels: run_id to what the run is called, of all runs that are to be done.
        reader: where events come from.
        console: where to print.
        on_finished: called with the run_id of each run that has ended.
    """

    def __init__(
        self,
        labels: dict[str, str],
        reader: EventReader,
        console: Console,
        on_finished: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        self._labels = labels
        self._reader = reader
        self._console = console
        self._on_finished = on_finished
        self._running: set[str] = set()
        self._finished: set[str] = set()
        self._seen: set[Event] = set()
        self.failures: dict[str, str] = {}
        self._first_start: float | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
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

    def ended_and_running(self) -> tuple[set[str], set[str]]:
        """Return which runs have ended and which have begun but not ended, as of now."""
        with self._lock:
            self._reader.refresh()
            self._read()
            return set(self._finished), set(self._running)

    def take(self, event: Event) -> None:
        """Count what has become known in another way, once however often it is told."""
        with self._lock:
            self._read()
            self._take(event)

    def _follow(self) -> None:
        wait = POLL_SECONDS
        while not self._stop.wait(wait):
            begin = time.monotonic()
            with self._lock:
                self._read()
            wait = max(POLL_SECONDS, POLL_SHARE * (time.monotonic() - begin))
        with self._lock:
            self._read()

    def _read(self) -> None:
        for event in self._reader.new():
            self._take(event)
        if self._progress.disable is False:
            self._progress.update(self._task, completed=len(self._finished), description=self.summary())

    def _take(self, event: Event) -> None:
        now = time.monotonic()
        if event.kind == "started":
            self._running.add(event.run_id)
            if self._first_start is None:
                self._first_start = now
            return
        self._running.discard(event.run_id)
        self._finished.add(event.run_id)
        if event in self._seen:
            return
        self._seen.add(event)
        if event.kind == "failed":
            self.failures[event.run_id] = event.text
        else:
            self.failures.pop(event.run_id, None)
        if event.kind != "skipped":
            # a run may have begun and ended since the last look
            self._first_start = min(self._first_start or now, now - event.seconds)
        self._print_line(event)
        with suppress(Exception):
            self._on_finished(event.run_id)

    def _print_line(self, event: Event) -> None:
        width = len(str(len(self._labels)))
        label = self._labels.get(event.run_id, event.run_id)
        took = f"  {event.seconds:.1f} s" if event.seconds else ""
        style = {"failed": "red", "diverged": "yellow"}.get(event.kind, "")
        what = f"failed: {event.text}" if event.kind == "failed" else event.text
        text = f"[{len(self._finished):{width}}/{len(self._labels)}] {label}  {what}{took}"
        # without a bar that says it, each line says what is left
        left = "" if self._console.is_terminal else f"  ({self.time_left()})"
        self._console.print(f"{escape(text)}{escape(left)}", style=style, highlight=False, soft_wrap=True)

    def summary(self) -> str:
        """Return what is finished, running, failed and left, in words."""
        left = len(self._labels) - len(self._finished) - len(self._running)
        return (
            f"{len(self._finished)} finished, {len(self._running)} running, {len(self.failures)} failed, "
            f"{left} remaining, {self.time_left()}"
        )

    def time_left(self) -> str:
        """Return the time left, supposing that what is to come takes as long per run as what is finished."""
        if not self._finished or self._first_start is None:
            return "time left unknown"
        rate = (time.monotonic() - self._first_start) / len(self._finished)
        seconds = rate * (len(self._labels) - len(self._finished))
        if seconds >= 5400:
            return f"{seconds / 3600:.1f} h left"
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
