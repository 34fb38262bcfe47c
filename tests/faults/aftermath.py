"""What is looked at after a kill: the runs of a study, its tables and pages, what MLflow shows, and what is counted."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Fault(AssertionError):
    """A promise that was not kept."""


@dataclass
class Figures:
    """What happened.

    Attributes:
        kills: by way and by command.
        seconds: of each end that was asked for, until no process was left.
        continued: starts of a run that was in flight at a kill, at its checkpoint.
        anew: the same where there was none yet.
        kept: times that a finished run was found as it was.
        rounds: studies that were compared whole.
        tracked: those of them that were in MLflow.
    """

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    continued: int = 0
    anew: int = 0
    kept: int = 0
    rounds: int = 0
    tracked: int = 0

    def lines(self) -> Iterator[str]:
        """Say it."""
        for part, name in ((1, "command"), (0, "way")):
            counts: Counter[str] = Counter()
            for key, count in self.kills.items():
                counts[key[part]] += count
            yield f"{sum(counts.values())} kills by {name}: {', '.join(f'{key} {n}' for key, n in counts.items())}"
        if self.seconds:
            yield (
                f"{len(self.seconds)} asked to end: after {sorted(self.seconds)[len(self.seconds) // 2]:.2f} s in the "
                f"median, {max(self.seconds):.2f} s at most, no process was left"
            )
        yield f"{self.kept} times a finished run was found untouched after a kill"
        yield f"runs in flight: {self.continued} continued from their checkpoint, {self.anew} had none yet"
        yield f"{self.rounds} studies compared whole, {self.tracked} of them in MLflow too"


class Store:
    """The runs of one study, from kill to kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finished: dict[str, tuple[int, int]] = {}
        # of a run in flight: how often it had been started, and the epochs in its checkpoint
        self._flying: dict[str, list[tuple[int, int]]] = {}

    def progress(self) -> int:
        """Something that grows as runs train."""
        return sum(_changed(path) for path in self._folder.glob("runs/*/attempts.json"))

    def check(self, figures: Figures) -> None:
        """Compare the runs with what they were at the last kill, and take down what they are.

        Raises:
            Fault: a finished run is another, or failed, or a run did not begin at its checkpoint.
        """
        now = {path.parent.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in run_files(self._folder)}
        if changed := [run for run, file in self._finished.items() if now.get(run) != file]:
            raise Fault(f"finished runs were trained again: {changed}")
        figures.kept += len(self._finished)
        for run in now.keys() - self._finished.keys():
            record = json.loads((self._folder / "runs" / run / "run.json").read_text())
            if record["status"] != "completed":
                raise Fault(f"{run} is {record['status']}: {record['error']}")
            starts = record["provenance"]["attempts"]
            for count, epochs in self._flying.pop(run, []):
                if starts[count : count + 1] != [epochs]:
                    raise Fault(f"{run} had {epochs} epochs in its checkpoint at start {count}, but starts {starts}")
                figures.continued += epochs > 0
                figures.anew += epochs == 0
        self._finished = now
        for folder in self._folder.glob("runs/[0-9a-f]*"):
            if folder.name not in now and (folder / "attempts.json").exists():
                starts = json.loads((folder / "attempts.json").read_text())
                noted = (len(starts), _epochs(folder / "checkpoint.ckpt"))
                # a start that was killed before it came to this run is none
                if noted not in self._flying.setdefault(folder.name, []):
                    self._flying[folder.name].append(noted)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _epochs(checkpoint: Path) -> int:
    """Epochs from which a run goes on."""
    if not checkpoint.exists():
        return 0
    import torch

    return int(torch.load(checkpoint, weights_only=True)["epoch"]) + 1


def run_files(folder: Path) -> list[Path]:
    """The records of finished runs."""
    return sorted(folder.glob("runs/*/run.json"))


def written(folder: Path) -> dict[str, bytes]:
    """All tables and pages of a study."""
    files = [path for part in ("results", "reports") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def mlflow_view(folder: Path) -> Counter[tuple[Any, ...]]:
    """What MLflow shows of the runs of the study (not of its tuning), without times, and how often."""
    of_runs = "JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'run_id' WHERE r.lifecycle_stage = 'active'"
    runs = {path.parent.name for path in run_files(folder)}
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        rows = [
            *database.execute(f"SELECT t.value, r.status, r.name FROM runs r {of_runs}"),
            *database.execute(f"SELECT t.value, p.key, p.value FROM params p JOIN runs r USING (run_uuid) {of_runs}"),
            *database.execute(
                "SELECT t.value, m.key, m.step, m.value FROM metrics m JOIN runs r USING (run_uuid) "
                f"{of_runs} AND m.key NOT LIKE '%seconds' AND m.key NOT LIKE '%per_second'"
            ),
        ]
    assert runs == {row[0] for row in rows}, "MLflow does not show every run"
    return Counter(rows)
