"""The folders of runs: runs/<study>/<run_id>/, on record when run.json is there."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from whyrelu.errors import DataError
from whyrelu.files import replacing, write_json
from whyrelu.runs.provenance import code_digest

Record = dict[str, Any]

RECORD = "run.json"
LAYERS = "layers.npy"
ERROR = "error.txt"
LOCK = "lock"
# Empty: a process is at a run of which it has not finished an epoch.
STARTED = "started"


def is_tuning(config: Mapping[str, Any]) -> bool:
    """Whether a run serves to choose a learning rate: its seed is one that no study reports."""
    return bool(config["seed"] >= config["tuning"]["first_seed"])


@dataclass(frozen=True)
class RunStore:
    """The runs of one study below a folder, which need not exist; safe for many processes at once."""

    root: Path

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "RunStore":
        """The store of the study that a configuration belongs to; runs that tune it are kept apart."""
        return cls(Path(config["run_root"]) / f"{config['study']}{'-tuning' if is_tuning(config) else ''}")

    def folder(self, run_id: str) -> Path:
        """The folder of a run, which need not exist."""
        return self.root / run_id

    def checkpoint(self, run_id: str) -> Path:
        """The file from which an interrupted run continues, with the same code and libraries only."""
        return self.folder(run_id) / f"checkpoint-{code_digest()}.ckpt"

    def record(self, run_id: str) -> Record | None:
        """What a run found; None if it is not finished or its record cannot be read."""
        try:
            record: Record = json.loads((self.folder(run_id) / RECORD).read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("run_id") == run_id else None

    def records(self) -> Iterator[Record]:
        """The records of all runs that have one, by run_id."""
        paths = sorted(self.root.glob(f"*/{RECORD}"))
        return filter(None, (self.record(path.parent.name) for path in paths))

    def layers(self, record: Mapping[str, Any]) -> NDArray[np.float64] | None:
        """The diagnostics of a run, (epochs, layers, columns) as its record names them; None if they were off."""
        if record["diagnostics"] is None:
            return None
        path = self.folder(record["run_id"]) / LAYERS
        try:
            return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path} cannot be read ({error}): delete it, and the sweep trains its run again") from None

    def write(self, record: Record, layers: NDArray[np.float64] | None = None) -> None:
        """Write the record of a run and its diagnostics, whole or not at all, and remove what served to get there."""
        folder = self.folder(record["run_id"])
        if layers is not None:
            with replacing(folder / LAYERS) as partial, partial.open("wb") as file:
                np.save(file, layers, allow_pickle=False)
        # last, because it is the mark of being done
        write_json(record, folder / RECORD)
        with suppress(OSError):
            self.forget_deaths(record["run_id"])
            if record["status"] != "failed":
                for path in (folder / ERROR, *folder.glob("checkpoint-*.ckpt")):
                    path.unlink(missing_ok=True)

    def begin(self, run_id: str) -> None:
        """Note that a process is at a run, of which it has not finished an epoch yet."""
        (self.folder(run_id) / STARTED).touch()

    def forget_start(self, run_id: str) -> None:
        """Forget that note: a process that left it was not killed by the run."""
        with suppress(OSError):
            (self.folder(run_id) / STARTED).unlink()

    def count_death(self, run_id: str) -> None:
        """Count the death of a worker, if it was at a run of which it had not finished an epoch."""
        folder = self.folder(run_id)
        with suppress(OSError):
            (folder / STARTED).rename(folder / f"death-{self.deaths(run_id) + 1}")

    def deaths(self, run_id: str) -> int:
        """How many workers a sweep saw die at a run since it last finished an epoch."""
        return len(list(self.folder(run_id).glob("death-*")))

    def forget_deaths(self, run_id: str) -> None:
        """Forget all of that: an epoch is finished."""
        self.forget_start(run_id)
        for path in self.folder(run_id).glob("death-*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def claim(self, run_id: str, wait: bool = True) -> Iterator[bool]:
        """Hold a run for this process, until it dies; gives False if another one holds it and is not waited for."""
        path = self.folder(run_id) / LOCK
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = FileLock(path, timeout=-1 if wait else 0).acquire()
        except Timeout:
            yield False
            return
        with held:
            yield True
