"""The folders of runs: runs/<study>/<run_id>/, done when run.json is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from whyrelu.errors import DataError, UserError
from whyrelu.files import replacing, write_bytes, write_json
from whyrelu.runs.provenance import code_digest

Record = dict[str, Any]

RECORD = "run.json"
LAYERS = "layers.npy"
DEATHS = "deaths"
ERROR = "error.txt"
LOCK = "lock"


class RunStore:
    """The runs of one study; safe for many processes at once.

    Args:
        root: their folder, made when the first run is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> RunStore:
        """Return the store of the study that a configuration belongs to; runs that tune it are kept apart."""
        is_tuning = config["seed"] >= config["tuning"]["first_seed"]
        return cls(Path(config["run_root"]) / f"{config['study']}{'-tuning' if is_tuning else ''}")

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run, which need not exist."""
        return self.root / run_id

    def checkpoint(self, run_id: str) -> Path:
        """Return the file from which an interrupted run continues, with the same code and libraries only."""
        return self.folder(run_id) / f"checkpoint-{code_digest()}.ckpt"

    def record(self, run_id: str) -> Record | None:
        """Return what a run found, or None if it is not finished or its record cannot be read."""
        try:
            record: Record = json.loads((self.folder(run_id) / RECORD).read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("run_id") == run_id else None

    def records(self) -> Iterator[Record]:
        """Yield the records of all runs that have one, by run_id."""
        for path in sorted(self.root.glob(f"*/{RECORD}")):
            record = self.record(path.parent.name)
            if record is not None:
                yield record

    def is_done(self, run_id: str) -> bool:
        """Whether a run needs no more work; one that failed is tried again."""
        record = self.record(run_id)
        if record is None or record["status"] == "failed":
            return False
        return record["diagnostics"] is None or (self.folder(run_id) / LAYERS).is_file()

    def recorded_at(self, run_id: str) -> int | None:
        """When the record of a run was written, in nanoseconds; None without one."""
        try:
            return (self.folder(run_id) / RECORD).stat().st_mtime_ns
        except OSError:
            return None

    def layers(self, record: Mapping[str, Any]) -> NDArray[np.float64] | None:
        """Return the diagnostics of a run, (epochs, layers, columns) as its record names them; None if it has none.

        Raises:
            DataError: they are missing or damaged.
        """
        if record["diagnostics"] is None:
            return None
        path = self.folder(record["run_id"]) / LAYERS
        try:
            return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path} cannot be read ({error}): delete it, and the sweep trains its run again") from None

    def write(self, record: Record, layers: NDArray[np.float64] | None = None) -> None:
        """Write the record of a run, whole or not at all, and remove what served only to get there.

        Args:
            record: what becomes run.json.
            layers: its diagnostics, (epochs, layers, columns).

        Raises:
            UserError: the disk is full or read-only.
        """
        folder = self.folder(record["run_id"])
        if layers is not None:
            with replacing(folder / LAYERS) as partial, partial.open("wb") as file:
                np.save(file, layers, allow_pickle=False)
        # last, because it is the mark of being done
        write_json(record, folder / RECORD)
        served = [folder / DEATHS]
        if record["status"] != "failed":
            served += [folder / ERROR, *folder.glob("checkpoint-*.ckpt")]
        for path in served:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def begin(self, run_id: str) -> None:
        """Note that a process is at a run, of which it has not finished an epoch yet."""
        write_bytes(f"{self.deaths(run_id)}?".encode(), self.folder(run_id) / DEATHS)

    def count_death(self, run_id: str) -> None:
        """Count the death of a worker, if it was at a run of which it had not finished an epoch."""
        if self._said_of_deaths(run_id).endswith("?"):
            write_bytes(str(self.deaths(run_id) + 1).encode(), self.folder(run_id) / DEATHS)

    def forget_start(self, run_id: str) -> None:
        """Forget a process that was at a run and was not killed by it: the whole sweep was."""
        if self._said_of_deaths(run_id).endswith("?"):
            write_bytes(str(self.deaths(run_id)).encode(), self.folder(run_id) / DEATHS)

    def forget_deaths(self, run_id: str) -> None:
        """Forget all of that: an epoch is finished."""
        (self.folder(run_id) / DEATHS).unlink(missing_ok=True)

    def deaths(self, run_id: str) -> int:
        """Return how many workers a sweep saw die at a run since it last finished an epoch."""
        said = self._said_of_deaths(run_id).rstrip("?")
        return int(said) if said.isdigit() else 0

    def _said_of_deaths(self, run_id: str) -> str:
        try:
            return (self.folder(run_id) / DEATHS).read_text()
        except OSError:
            return ""

    @contextmanager
    def claim(self, run_id: str, wait: bool = True) -> Iterator[bool]:
        """Hold a run for this process alone; a process that dies lets go of it.

        Args:
            run_id: which run.
            wait: whether to wait for another process that holds it.

        Yields:
            whether it is held, which it always is after waiting.

        Raises:
            UserError: the folder cannot be written.
        """
        path = self.folder(run_id) / LOCK
        lock = FileLock(path, timeout=-1 if wait else 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            yield False
            return
        except OSError as error:
            raise UserError(f"cannot write {path.parent}: {error.strerror}") from error
        try:
            yield True
        finally:
            # once the record is there nobody needs the lock: who still waits for it finds the record
            if self.is_done(run_id):
                path.unlink(missing_ok=True)
            lock.release()
