"""The folders of runs: runs/<run_id>/, done when run.json is there."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from whyrelu.errors import DataError, UserError

Record = dict[str, Any]

RECORD = "run.json"
LAYERS = "layers.npy"
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
        """Whether a run needs no more work; a failed one is tried again, as is one whose diagnostics are lost."""
        record = self.record(run_id)
        if record is None or record["status"] == "failed":
            return False
        return record.get("diagnostics") is None or (self.folder(run_id) / LAYERS).is_file()

    def layers(self, record: Record) -> NDArray[np.float64] | None:
        """Return the diagnostics of a run, (epochs, layers, columns) as its record names them; None if it has none.

        Raises:
            DataError: they are missing or damaged.
        """
        said = record.get("diagnostics")
        if said is None:
            return None
        path = self.folder(record["run_id"]) / LAYERS
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != said["sha256"]:
            raise DataError(f"{path} is missing or damaged: remove {path.parent} and train this run again")
        return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]

    def records(self) -> Iterator[Record]:
        """Yield the records of all runs that have one, by run_id."""
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else []:
            if not folder.name.startswith(".") and (record := self.record(folder.name)) is not None:
                yield record

    def write(self, record: Record, layers: NDArray[np.float64] | None = None, keep_checkpoint: bool = False) -> Record:
        """Write the record of a run, whole or not at all, and remove what served only to get there.

        Args:
            record: what becomes run.json.
            layers: its diagnostics, (epochs, layers, columns).
            keep_checkpoint: whether the last checkpoint stays.

        Returns:
            the record as it was written, with the checksum of the diagnostics.

        Raises:
            UserError: the disk is full or read-only.
        """
        folder = self.folder(record["run_id"])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if layers is not None:
                buffer = io.BytesIO()
                np.save(buffer, layers, allow_pickle=False)
                checksum = hashlib.sha256(buffer.getvalue()).hexdigest()
                record = {**record, "diagnostics": {**record["diagnostics"], "sha256": checksum}}
                _write_whole(buffer.getvalue(), folder / LAYERS)
            # last, because it is the mark of being done
            _write_whole(f"{json.dumps(record, indent=1, allow_nan=False)}\n".encode(), folder / RECORD)
        except OSError as error:
            raise UserError(f"cannot write {folder / RECORD}: {error.strerror}; nothing finished is lost") from error
        if record["status"] != "failed":
            served = [ATTEMPTS, ERROR, f"{CHECKPOINT}.partial", *([] if keep_checkpoint else [CHECKPOINT])]
            for name in served:
                (folder / name).unlink(missing_ok=True)
        return record

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


def _write_whole(content: bytes, path: Path) -> None:
    """Write a file so that it is whole or not there, even after a power cut."""
    partial = path.with_name(f"{path.name}.partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
