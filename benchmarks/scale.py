"""Measure how the cost of tables grows with the number of runs, and write the numbers into docs/scale.md.

python benchmarks/scale.py                   1,000 cells with 10 to 100 simulated runs each: about ten minutes, 3 GB
python benchmarks/scale.py seeds=100         only these numbers of seeds anew

The folders are made below the system's folder for temporary files, and removed at the end; with folder=path they are
made there, unless an earlier call left them, and stay.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.scale_simulation import script, simulate, train_templates  # noqa: E402
from whyrelu.commandline import overrides_from_arguments, reports_errors  # noqa: E402
from whyrelu.results.files import read_json, write_json  # noqa: E402

DEPTHS = (2, 4, 8, 12, 16)
# 20 activations x 5 depths x 5 learning rates x 2 norms
CELLS = (
    "experiment=digits",
    "activation=glob(*)",
    f"depth={','.join(map(str, DEPTHS))}",
    "lr=0.01,0.02,0.05,0.1,0.2",
    "norm=none,batch",
)
SEEDS = (10, 20, 50, 100)
PAGE = ROOT / "docs" / "scale.md"
RESULTS = ROOT / "docs" / "scale.json"
COMMANDS = ("aggregate", "claims", "report", "status")
BEGIN, END = "<!-- measured by benchmarks/scale.py -->", "<!-- end -->"
# Claims alone: what aggregate does last.
_DECIDE = (
    "from pathlib import Path; from whyrelu.claims.declaration import read_claims; "
    "from whyrelu.claims.study import decide_study; decide_study(read_claims(), Path('results/digits'))"
)


class Cost(NamedTuple):
    """Seconds on the clock, and the most memory that a command and its children had together, in MiB."""

    seconds: float
    memory: float


@reports_errors
def main() -> None:
    """Simulate, measure, and write."""
    settings = dict(text.split("=", 1) for text in overrides_from_arguments(__doc__))
    seeds = [int(number) for number in settings.get("seeds", ",".join(map(str, SEEDS))).split(",")]
    if "folder" in settings:
        measure(Path(settings["folder"]).resolve(), seeds)
        return
    with tempfile.TemporaryDirectory(prefix="whyrelu-scale-") as folder:
        measure(Path(folder), seeds)


def measure(project: Path, seeds: Sequence[int]) -> None:
    """Measure in a folder, and write after each number of seeds what it cost."""
    project.mkdir(parents=True, exist_ok=True)
    os.chdir(project)
    if not Path("runs").is_dir():
        _run("prepare", "experiment=digits")
        simulate(project, [*CELLS, f"seed=range(0,{max(seeds)})"], train_templates(project, "digits", DEPTHS))
        _run("theory", "-m", *CELLS, "seed=0")
    sample = [*itertools.islice(Path("runs").iterdir(), 1000)]
    used = sum(path.stat().st_blocks * 512 for folder in sample for path in (folder, *folder.iterdir()))
    for number in seeds:
        grid = [*CELLS, f"seed=range(0,{number})"]
        commands = {
            "aggregate": script("aggregate", *grid),
            "claims": [sys.executable, "-c", _DECIDE],
            "report": script("report", "digits"),
            "status": script("status", *grid),
        }
        for name, command in commands.items():
            spent = cost(command)
            print(1000 * number, name, spent, flush=True)
            # at once, so that nothing measured is lost if the next is stopped
            rows = read_json(RESULTS)["rows"] if RESULTS.is_file() else {}
            rows.setdefault(str(1000 * number), {})[name] = spent._asdict()
            write_json({"folder": used / len(sample), "cores": _cores(), "rows": rows}, RESULTS)
    write(table(read_json(RESULTS)))


def cost(command: Sequence[str]) -> Cost:
    """Run a command and measure it.

    Raises:
        CalledProcessError: it failed.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    memory = _Memory(process.pid)
    code = process.wait()
    seconds = time.perf_counter() - begin
    memory.stop()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return Cost(seconds, memory.most / 2**20)


class _Memory(threading.Thread):
    """Looks ten times a second at what a process and all below it have in memory."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.most = 0
        self.start()

    def run(self) -> None:
        import psutil

        while not self._ended.wait(0.1):
            total = 0
            try:
                process = psutil.Process(self._pid)
                for one in (process, *process.children(recursive=True)):
                    total += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self.most = max(self.most, total)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def table(measured: Mapping[str, Any]) -> str:
    """The measurements as Markdown."""
    lines = ["| runs | `aggregate` | claims alone | `report` | `status` |", "|---|---|---|---|---|"]
    for runs, row in sorted(measured["rows"].items(), key=lambda item: int(item[0])):
        costs = (f"{row[n]['seconds']:.1f} s, {row[n]['memory']:.0f} MiB" if n in row else "" for n in COMMANDS)
        lines.append(f"| {int(runs):,} | {' | '.join(costs)} |")
    note = (
        f"1,000 cells, {measured['cores']} cores. The folder of a run takes {measured['folder'] / 1024:.0f} KiB on "
        "disk, in three inodes."
    )
    return "\n".join([*lines, "", note])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write(text: str) -> None:
    """Put the measurements into the page."""
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def _run(name: str, *arguments: str) -> Any:
    return subprocess.run(script(name, *arguments), check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
