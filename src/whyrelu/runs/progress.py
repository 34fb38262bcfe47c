"""The display of a sweep, which polls the store: a line per run that ended, and what is left."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console

from whyrelu.runs.execute import describe
from whyrelu.runs.store import Record, RunStore

# Seconds between two looks, or so many times what the last one took: there is a folder per run.
_POLL_SECONDS, _POLL_SHARE = 0.5, 20


@contextmanager
def display(
    store: RunStore, labels: Mapping[str, str], before: Mapping[str, Record | None]
) -> Iterator[Callable[[], Mapping[str, Record]]]:
    """Print runs, labelled by id, as they get another record than they had before.

    Yields a function that looks at the store at once and returns the records of all runs that have ended, by id.
    """
    console = Console(markup=False, highlight=False, soft_wrap=True)
    begin = time.monotonic()
    ended: dict[str, Record] = {}
    looking, stop = threading.Lock(), threading.Event()

    def look() -> Mapping[str, Record]:
        with looking:
            for run_id, label in labels.items():
                record = None if run_id in ended else store.record(run_id)
                if record is not None and record != before[run_id]:
                    ended[run_id] = record
                    print_line(label, record)
        return ended

    def print_line(label: str, record: Record) -> None:
        count, total = len(ended), len(labels)
        # supposing that what is to come takes as long per run as what is finished
        seconds = (time.monotonic() - begin) / count * (total - count)
        left = f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
        console.print(
            f"[{count:{len(str(total))}}/{total}] {label}  {describe(record)}  "
            f"{record['provenance']['seconds']:.1f} s  ({left})",
            style={"failed": "red", "diverged": "yellow"}.get(record["status"], ""),
        )

    def poll() -> None:
        took = 0.0
        while not stop.wait(max(_POLL_SECONDS, _POLL_SHARE * took)):
            start = time.monotonic()
            look()
            took = time.monotonic() - start

    thread = threading.Thread(target=poll, name="sweep display", daemon=True)
    thread.start()
    try:
        yield look
    finally:
        stop.set()
        thread.join()
