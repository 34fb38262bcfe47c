"""A tiny study for fault injection: its commands called in this process, and what must be the same after any fault."""

import copy
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from whyrelu.config.composition import compose_grid
from whyrelu.launch.sweep import job, run_jobs

from whyrelu.runs.plan import plan
from whyrelu.runs.store import Record, RunStore

SOURCE = Path(__file__).parents[1] / "src"
GRID = [
    *("activation=relu,sigmoid", "depth=1", "width=2", "trainer.max_epochs=2", "data.train_size=64"),
    *("trainer.checkpoint_seconds=0", "mlflow.tracking_uri=null"),
]
TIMES = ("train_seconds", "samples_per_second")


class InThisProcess:
    """A launcher that does the jobs of a sweep one after the other, as a worker would."""

    def launch(self, overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        done = []
        for point in overrides:
            event = job(compose_grid(point)[0].config, Path("events"))
            done.append(JobReturn(status=JobStatus.COMPLETED))
            done[-1].return_value = event
        return done


def sweep(grid: Sequence[str] = GRID) -> None:
    """Do what is not done of the runs in the working directory."""
    run_jobs(compose_grid(grid), InThisProcess(), Path("events"))  # type: ignore[arg-type]


def script(name: str, *arguments: str) -> None:
    """Call one of the scripts of src/ as typed."""
    before = sys.argv
    sys.argv = [name, *arguments]
    try:
        runpy.run_path(str(SOURCE / name), run_name="__main__")
    finally:
        sys.argv = before


def refusal(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> str:
    """The one line with which a script refuses to go on."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        script(name, *arguments)
    assert left.value.code not in (0, None)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def records() -> dict[str, Record]:
    """What all runs found, without times and counts of starts."""
    kept = {}
    for record in RunStore(Path("runs")).records():
        said: dict[str, Any] = copy.deepcopy(record)
        said["metrics"] = {key: value for key, value in said["metrics"].items() if key not in TIMES}
        del said["provenance"], said["checksum"]
        kept[record["run_id"]] = said
    return kept


def tables() -> dict[str, bytes]:
    """All tables, made of the runs there are."""
    script("aggregate.py", *GRID)
    return {path.name: path.read_bytes() for path in sorted(Path("results/digits").iterdir())}


def run_ids() -> list[str]:
    return [run.run_id for run in plan(GRID)]


def flipped(content: bytes, where: float = 0.5) -> bytes:
    """One bit is another."""
    damaged = bytearray(content)
    damaged[int(where * len(content))] ^= 1
    return bytes(damaged)


# what happens to a file, whatever its kind
DAMAGES = {
    "emptied": lambda content: b"",
    "halved": lambda content: content[: len(content) // 2],
    "flipped early": lambda content: flipped(content, 0.2),
    "flipped": flipped,
    "flipped late": lambda content: flipped(content, 0.8),
    "zeroed": lambda content: bytes(len(content)),
}
