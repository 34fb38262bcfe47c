"""The folders of runs: runs/<run_id>/, done when run.json is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from whyrelu.errors import UserError

Record = dict[str, Any]

RECORD = "run.json"
CHECKPOINT = "checkpoint.ckpt"
ATTEMPTS = "attempts.json"
ERROR = "error.txt"
LOCK = "lock"


class RunStore:
    """All runs below one folder; safe for many processes at once.

    Args:
        root: the folder, made when the first run is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run, which need not exist."""
        return self.root / run_id

    def checkpoint(self, run_id: str) -> Path:
        """Return the file from which an interrupted run continues."""
        return self.folder(run_id) / CHECKPOINT

    def record(self, run_id: str) -> Record | None:
        """Return what a run found, or None if it is not finished or its record is damaged."""
        try:
            record = json.loads((self.folder(run_id) / RECORD).read_text())
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
            return None
        whole = isinstance(record, dict) and record.get("run_id") == run_id and "status" in record
        return record if whole else None

    def is_done(self, run_id: str) -> bool:
        """Whether a run needs no more work; a failed one is tried again."""
        record = self.record(run_id)
        return record is not None and record["status"] != "failed"

    def records(self) -> Iterator[Record]:
        """Yield the records of all runs that have one, by run_id."""
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else []:
            if not folder.name.startswith(".") and (record := self.record(folder.name)) is not None:
                yield record

    def write(self, record: Record, keep_checkpoint: bool = False) -> None:
        """Write the record of a run, whole or not at all, and remove what served only to get there.

        Raises:
            UserError: the disk is full or read-only.
        """
        folder = self.folder(record["run_id"])
        partial = folder / f"{RECORD}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(partial, "w") as file:
                json.dump(record, file, indent=1, allow_nan=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, folder / RECORD)
        except OSError as error:
            raise UserError(f"cannot write {folder / RECORD}: {error.strerror}; nothing finished is lost") from error
        if record["status"] != "failed":
            served = [ATTEMPTS, ERROR, f"{CHECKPOINT}.partial", *([] if keep_checkpoint else [CHECKPOINT])]
            for name in served:
                (folder / name).unlink(missing_ok=True)

    @contextmanager
    def claim(self, run_id: str) -> Iterator[None]:
        """Hold a run for this process alone; another that wants it waits, and a process that dies lets go.

        Raises:
            UserError: the folder cannot be written.
        """
        folder = self.folder(run_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK)
            lock.acquire()
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror}") from error
        try:
            yield
        finally:
            # once the record is there nobody needs the lock: who still waits for it finds the record
            if self.is_done(run_id):
                (folder / LOCK).unlink(missing_ok=True)
            lock.release()
