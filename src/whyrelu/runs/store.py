"""The folders of runs: runs/<run_id>/, done when run.json is there."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from filelock import FileLock
from numpy.typing import NDArray

from whyrelu.ahead import ahead
from whyrelu.errors import DataError, UserError

Record = dict[str, Any]

RECORD = "run.json"
LAYERS = "layers.npy"
CHECKPOINT = "checkpoint.ckpt"
ATTEMPTS = "attempts.json"
ERROR = "error.txt"
LOCK = "lock"

# What follows in a record upon all that its checksum is of.
_SEAL = b',\n "checksum": "%s"\n}\n'
_SEAL_BEGIN = _SEAL.partition(b"%s")[0]

# Of a file of `numpy.save`, version 1.0.
_HEADER = struct.Struct("<6sBBH")


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
            # a path as text, and a parser that is several times as fast as Python's, because records are many
            with open(f"{self.root}/{run_id}/{RECORD}", "rb", buffering=0) as file:
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        said = content[: max(content.rfind(_SEAL_BEGIN), 0)]
        if content != said + _seal(said):
            return None
        try:
            record: Record = orjson.loads(content)
        except orjson.JSONDecodeError:
            return None
        return record if record["run_id"] == run_id else None

    def records_of(self, run_ids: Iterable[str]) -> Iterator[Record | None]:
        """Yield what `record` gives for each of many runs, in their order."""
        return ahead(self.record, run_ids)

    def begun(self) -> frozenset[str]:
        """Return the names of all folders there are: no other run can be finished or begun."""
        try:
            with os.scandir(self.root) as entries:
                return frozenset(entry.name for entry in entries if not entry.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    def is_done(self, run_id: str) -> bool:
        """Whether a run needs no more work; one that failed is tried again, as is one of which a file is damaged."""
        record = self.record(run_id)
        if record is None or record["status"] == "failed":
            return False
        return self._diagnostics(record) is not None

    def damage(self, run_id: str) -> Path | None:
        """Return the file of a finished run that is missing or not what was written, if there is one."""
        record = self.record(run_id)
        if record is None:
            path = self.folder(run_id) / RECORD
            return path if path.exists() else None
        return self.folder(run_id) / LAYERS if self._diagnostics(record) is None else None

    def done(self, run_ids: Iterable[str]) -> set[str]:
        """Return those of some runs that need no more work."""
        begun = self.begun()
        known = [run_id for run_id in run_ids if run_id in begun]
        return {run_id for run_id, is_done in zip(known, ahead(self.is_done, known), strict=True) if is_done}

    def layers(self, record: Mapping[str, Any]) -> NDArray[np.float64] | None:
        """Return the diagnostics of a run, (epochs, layers, columns) as its record names them; None if it has none.

        Raises:
            DataError: they are missing or damaged.
        """
        content = self._diagnostics(record)
        if content is None:
            path = self.folder(record["run_id"]) / LAYERS
            raise DataError(f"{path} is missing or damaged: the command that trained this run trains it again")
        return _array(content) if content else None

    def _diagnostics(self, record: Mapping[str, Any]) -> bytes | None:
        """The file of the diagnostics of a run, empty if it has none; None if it is missing or damaged."""
        said = record.get("diagnostics")
        if said is None:
            return b""
        try:
            with open(f"{self.root}/{record['run_id']}/{LAYERS}", "rb", buffering=0) as file:
                content = file.read()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == said["sha256"] else None

    def records(self) -> Iterator[Record]:
        """Yield the records of all runs that have one, by run_id."""
        yield from (record for record in self.records_of(sorted(self.begun())) if record is not None)

    def write(self, record: Record, layers: NDArray[np.float64] | None = None, keep_checkpoint: bool = False) -> Record:
        """Write the record of a run, whole or not at all, and remove what served only to get there.

        Args:
            record: what becomes run.json.
            layers: its diagnostics, (epochs, layers, columns).
            keep_checkpoint: whether the last checkpoint stays.

        Returns:
            the record as it was written, with its checksum and that of the diagnostics.

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
                write_whole(buffer.getvalue(), folder / LAYERS)
            # last, because it is the mark of being done
            content = sealed(record)
            write_whole(content, folder / RECORD)
        except OSError as error:
            raise UserError(f"cannot write {folder / RECORD}: {error.strerror}; nothing finished is lost") from error
        if record["status"] != "failed":
            served = [ATTEMPTS, ERROR, f"{CHECKPOINT}.partial", *([] if keep_checkpoint else [CHECKPOINT])]
            for name in served:
                (folder / name).unlink(missing_ok=True)
        return json.loads(content)  # type: ignore[no-any-return]

    @contextmanager
    def claim(self, run_id: str) -> Iterator[None]:
        """Hold a run for this process alone; another that wants it waits, and a process that dies lets go.

        Raises:
            UserError: the folder cannot be written.
        """
        folder = self.folder(run_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _acquired(folder / LOCK)
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror}") from error
        # another machine may have finished this run while this process waited
        refresh(folder)
        try:
            yield
        finally:
            # once the record is there nobody needs the lock: who still waits for it finds the record
            if self.is_done(run_id):
                (folder / LOCK).unlink(missing_ok=True)
            lock.release()


def sealed(record: Record) -> bytes:
    """Return the content of run.json: the record, and as its last entry a checksum of all before it.

    Raises:
        ValueError: a number that is not finite.
    """
    said = json.dumps(record, indent=1, allow_nan=False).removesuffix("\n}").encode()
    return said + _seal(said)


def _seal(said: bytes) -> bytes:
    return _SEAL % hashlib.sha256(said).hexdigest().encode()


def _array(content: bytes) -> NDArray[np.float64]:
    """What `numpy.save` wrote; its headers, which are Python and slow to read, are few and read once."""
    end = _HEADER.size + _HEADER.unpack_from(content)[-1]
    shape = _shape(content[:end])
    if shape is None:
        return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]
    return np.frombuffer(content, dtype=np.float64, offset=end).reshape(shape)


@lru_cache(maxsize=1024)
def _shape(header: bytes) -> tuple[int, ...] | None:
    """The shape of an array of numbers of 8 bytes in C order; None for another kind."""
    file = io.BytesIO(header)
    if np.lib.format.read_magic(file) != (1, 0):
        return None
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    return None if is_fortran or dtype != np.float64 else shape


def _acquired(path: Path) -> FileLock:
    while True:
        lock = FileLock(path)
        try:
            lock.acquire()
            return lock
        except OSError as error:
            # another machine removed the file after this one had opened it
            if error.errno != errno.ESTALE:
                raise


def refresh(folder: Path) -> None:
    """Have a network's file system look at a folder anew, instead of telling what it was like some seconds ago."""
    with suppress(OSError):
        # a change of its attributes, even to what they are, empties what is remembered of it
        folder.chmod(folder.stat().st_mode & 0o7777)


def write_whole(content: bytes, path: Path) -> None:
    """Write a file so that it is whole or not there, even after a power cut."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        # a part of it would take what space there is
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
