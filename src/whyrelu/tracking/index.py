"""What is in runs/, kept in mind between two looks: a study of thousands of runs is read once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from whyrelu.runs.store import RECORD, Record, RunStore
from whyrelu.tracking.labels import cell_factors, cell_id, shown_study

# What a run may leave beside its record and a person may want to look at; checkpoints and locks are none of it.
DIAGNOSTICS = frozenset({".csv", ".json", ".parquet", ".png", ".txt", ".yaml"})


class Finished(NamedTuple):
    """A finished run: `digest` changes when its folder does, `factors` are those of its cell."""

    run_id: str
    study: str
    cell: str
    seed: int
    factors: Mapping[str, Any]
    digest: str


class RecordIndex:
    """All finished runs below a folder.

    Args:
        root: the folder, which need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.store = RunStore(root)
        self.runs: dict[str, Finished] = {}
        self._seen: dict[str, tuple[tuple[str, int, int], ...]] = {}

    def refresh(self) -> None:
        """Look again: read records that are new or have changed, forget those that are gone."""
        root = self.store.root
        names = sorted(path.name for path in root.iterdir() if path.name[0] != ".") if root.is_dir() else []
        for gone in self.runs.keys() - set(names):
            del self.runs[gone], self._seen[gone]
        for name in names:
            states = ((path.name, path.stat()) for path in self.files(name))
            seen = tuple((file, state.st_size, state.st_mtime_ns) for file, state in states)
            if self._seen.get(name) != seen:
                self._read(name, seen)

    def files(self, run_id: str) -> list[Path]:
        """Return the files of a run that belong into the view, its record among them."""
        folder = self.store.folder(run_id)
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path for path in paths if path.suffix in DIAGNOSTICS and path.name[0] != "."]

    def records_of(self, cell: str) -> Iterator[Record]:
        """Yield the records of a cell by seed."""
        found = sorted((run.seed, run.run_id) for run in self.runs.values() if run.cell == cell)
        for _, run_id in found:
            record = self.store.record(run_id)
            if record is not None:
                yield record

    def _read(self, name: str, seen: tuple[tuple[str, int, int], ...]) -> None:
        self.runs.pop(name, None)
        self._seen.pop(name, None)
        record = self.store.record(name)
        if record is None:
            return
        content = (self.store.folder(name) / RECORD).read_bytes()
        sizes = ((file, size) for file, size, _ in seen if file != RECORD)
        digest = hashlib.sha256(content + repr(list(sizes)).encode()).hexdigest()[:16]
        factors = cell_factors(record)
        self.runs[name] = Finished(
            name, shown_study(record), cell_id(record), record["factors"]["seed"], factors, digest
        )
        self._seen[name] = seen
