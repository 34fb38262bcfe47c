"""The process that logs to MLflow while a sweep trains: `whyrelu.tracking.tracker` starts it and writes to it.

It reads one run_id per line and logs what it has every few seconds, and writes how far it is to standard output. At a
line `close` it logs the rest and leaves. It leaves at once when whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from whyrelu.tracking.synchronisation import Synchroniser

CLOSE = "close"
# Training comes first: this process takes what the others leave of a processor.
NICENESS = 10
# Seconds between two rounds of logging, and how many times the length of the last round at least: looking up what is
# there already takes the longer the more there is.
ROUND_SECONDS = 20.0
ROUND_SHARE = 10.0
# Seconds until an MLflow that failed is tried again.
RETRY_SECONDS = 30.0


class Rounds:
    """Decides when to log, and remembers what is still to be logged.

    Args:
        synchroniser: does the logging.
        output: where to report.
    """

    def __init__(self, synchroniser: Synchroniser, output: TextIO) -> None:
        self.synchroniser = synchroniser
        self.output = output
        self.asked: set[str] = set()
        self.pending: set[str] = set()
        self.unknown: set[str] = set()
        synchroniser.on_cell = self.report
        self.problem: str | None = None
        self.due = 0.0

    def prepare(self) -> None:
        """Create the database or reach the server, so that the first run is logged without delay."""
        self._attempt(self.synchroniser.prepare)

    def add(self, run_id: str) -> None:
        """Have a run logged in the next round."""
        self.asked.add(run_id)
        self.pending.add(run_id)

    def run_if_due(self) -> None:
        """Log what is pending, if it is time to."""
        if self.pending and time.monotonic() >= self.due:
            self._round()

    def finish(self) -> None:
        """Log what is pending, unless MLflow has only just failed."""
        self.pending |= self.unknown
        if self.pending and (self.problem is None or time.monotonic() >= self.due):
            self._round()

    def report(self) -> None:
        """Write how many runs need nothing more, and what is wrong, as one line of JSON."""
        synchroniser = self.synchroniser
        settled = len(self.asked & synchroniser.complete | self.unknown)
        problem = self.problem or next(iter(synchroniser.rejected.values()), None)
        print(json.dumps({"settled": settled, "problem": problem}), file=self.output, flush=True)

    def _round(self) -> None:
        begin = time.monotonic()
        self._attempt(lambda: self.synchroniser.synchronise(run_ids=frozenset(self.pending)))
        self.pending -= self.synchroniser.complete | self.synchroniser.rejected.keys()
        # a run that broke down before it began has no record
        self.unknown = self.pending - self.synchroniser.index.runs.keys()
        self.pending -= self.unknown
        pause = max(ROUND_SECONDS, ROUND_SHARE * (time.monotonic() - begin))
        self.due = time.monotonic() + (pause if self.problem is None else RETRY_SECONDS)

    def _attempt(self, action: Callable[[], object]) -> None:
        from whyrelu.tracking.client import TrackingError

        try:
            action()
        except TrackingError as error:
            self.problem = str(error)
            self.due = time.monotonic() + RETRY_SECONDS
        else:
            self.problem = None


def main() -> None:
    """Run the process; arguments: MLflow's address, the folder of the runs."""
    # Ctrl-C reaches every process of the terminal; this one ends when the one that started it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    uri, run_root = sys.argv[1:]
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()

    from whyrelu.tracking.synchronisation import Synchroniser

    # what a library may print must not get among the reports
    reports, sys.stdout = sys.stdout, sys.stderr
    rounds = Rounds(Synchroniser(uri, Path(run_root)), reports)
    rounds.prepare()
    while True:
        wait = max(0.0, rounds.due - time.monotonic()) if rounds.pending else None
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=wait)
            if line == CLOSE:
                break
            rounds.add(line)
            continue
        rounds.run_if_due()
    rounds.finish()
    rounds.report()
    # Not sys.exit: a connection that does not answer must not keep the process.
    os._exit(0)


def _listen(lines: queue.SimpleQueue[str]) -> None:
    for line in map(str.strip, sys.stdin):
        lines.put(line)
        if line == CLOSE:
            return
    os._exit(1)


if __name__ == "__main__":
    main()
