"""How the processes of a sweep tell the one that shows its progress what happens: files on the shared disk.

Each worker appends lines to a file of its own, which works the same for every launcher, and needs no server.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from whyrelu.runs.store import refresh

# Names of machines and numbers of processes may repeat in containers that share a folder.
_WRITER = uuid.uuid4().hex[:8]


class Event(NamedTuple):
    """A run has `started`, is `completed`, `diverged`, `failed`, or was `skipped` as done already.

    `text` is the result in words or the reason of a failure.
    """

    kind: str
    run_id: str
    text: str
    seconds: float = 0.0


def emit(directory: Path, event: Event) -> None:
    """Append an event to this process's file; if the disk takes none, the run goes on all the same."""
    with suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        with open(directory / f"{socket.gethostname()}-{os.getpid()}-{_WRITER}.jsonl", "a") as file:
            file.write(json.dumps(event._asdict()) + "\n")


class EventReader:
    """Reads what was appended since the last look."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, int] = {}

    def refresh(self) -> None:
        """Make sure that the next look finds what workers on other machines have told until now."""
        refresh(self._directory)

    def new(self) -> Iterator[Event]:
        """Yield new events, those of one worker in their order; a line that is being written waits for next time."""
        for path, size in self._files():
            begin = self._read.get(path, 0)
            # a launcher that starts a process per run leaves as many files, most of which say nothing new
            if size == begin:
                continue
            with open(path, "rb") as file:
                file.seek(begin)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] = self._read.get(path, 0) + len(line)
                    with suppress(ValueError, TypeError):
                        yield Event(**json.loads(line))

    def _files(self) -> list[tuple[str, int]]:
        """The files of all workers with their sizes."""
        try:
            with os.scandir(self._directory) as entries:
                return sorted((entry.path, entry.stat().st_size) for entry in entries if entry.name.endswith(".jsonl"))
        except FileNotFoundError:
            return []
