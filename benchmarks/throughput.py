"""Training throughput of all implementations, measured in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.processes import Worker
from benchmarks.setting import Setting

IMPLEMENTATIONS = ("ours", "template", "bare")
# Threads of a pool that has just worked wait a little before they sleep.
PAUSE = 0.3

Row = dict[str, Any]


def measure(
    settings: Sequence[Setting], repetitions: int, root: Path, say: Callable[[Row], None] = lambda row: None
) -> list[Row]:
    """Measure every setting with every implementation, one after the other, and all of that several times.

    Each repetition has processes of its own, of which one works at a time; their order changes from one setting and one
    repetition to the next.

    Args:
        settings: what to measure.
        repetitions: how often.
        root: where the synthetic set is.
        say: is given each row as it comes.

    Returns:
        Rows of implementation, repetition, the setting and the measurement, with samples_per_second.
    """
    rows = []
    for repetition in range(repetitions):
        with ExitStack() as stack:
            workers = [stack.enter_context(Worker(name, root)) for name in IMPLEMENTATIONS]
            for worker in workers:
                worker.wait()
            for place, setting in enumerate(settings):
                for turn in range(len(workers)):
                    worker = workers[(turn + place + repetition) % len(workers)]
                    time.sleep(PAUSE)
                    found = worker.ask({"setting": setting.as_dict()})
                    rows.append(row(worker.name, repetition, setting, found))
                    say(rows[-1])
    return rows


def row(name: str, repetition: int, setting: Setting, found: dict[str, Any]) -> Row:
    """Put a measurement beside what was measured."""
    speed = found["samples"] / found["seconds"]
    return {
        "implementation": name,
        "repetition": repetition,
        **setting.as_dict(),
        **found,
        "samples_per_second": speed,
    }
