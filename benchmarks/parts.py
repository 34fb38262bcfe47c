"""The parts of the benchmark, each measured by itself and kept under its name in one file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.acceptance import THREADS
from benchmarks.options import Options
from benchmarks.processes import ROOT, environment
from whyrelu.errors import UserError


def read(path: Path) -> dict[str, Any]:
    """Return what was measured before, nothing if there is no such file."""
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def same_machine(path: Path, chosen: Sequence[str]) -> None:
    """Check that parts which are not measured anew were measured on this machine.

    Raises:
        UserError: they were not, and a page of both would compare machines.
    """
    from benchmarks.machine import moment

    here = moment()["cpu"]
    others = {part: when["cpu"] for part, when in read(path).get("measured", {}).items() if part not in chosen}
    if foreign := sorted(part for part, cpu in others.items() if cpu != here):
        raise UserError(
            f"{', '.join(foreign)} in {path} were measured on {others[foreign[0]]}, not on {here}: measure everything "
            "(without parts=), or give output=another-file.json"
        )


def throughput(options: Options) -> list[dict[str, Any]]:
    """Return rows of training throughput (see `benchmarks.throughput.measure`), and print each as it comes."""
    from benchmarks.throughput import measure

    def say(row: dict[str, Any]) -> None:
        setting = f"{row['implementation']:8} depth {row['depth']:2} {row['precision']:10} threads {row['threads']}"
        print(f"  {setting}  {row['samples_per_second']:8.0f} samples/s", file=sys.stderr, flush=True)

    return measure(options.settings(), options.repetitions, options.data.resolve(), say)


def machine(options: Options) -> dict[str, Any]:
    """Return the facts of the machine."""
    from benchmarks.machine import facts

    return facts()


def peak(options: Options) -> dict[str, Any]:
    """Return the speed of matrix multiplication, and the operations that a training step needs."""
    from benchmarks.peak import flops_per_sample

    rows = [row for threads in options.threads for row in _python("benchmarks.peak", str(threads))]
    flops = [{"depth": depth, "flops_per_sample": flops_per_sample(depth)} for depth in options.depth]
    return {"multiplication": rows, "training": flops}


def breakdown(options: Options) -> list[dict[str, Any]]:
    """Return where the time of training steps goes, with the threads of the targets."""
    found: list[dict[str, Any]] = _python("benchmarks.breakdown", str(options.data.resolve()), str(THREADS))
    return found


def sweep(options: Options) -> list[dict[str, Any]]:
    """Return the seconds of whole sweeps, and print each as it comes."""
    from benchmarks.sweep import measure
    from benchmarks.synthetic import make

    def say(row: dict[str, Any]) -> None:
        line = f"  sweep {row['implementation']:15} {row['precision']:10} {row['seconds']:6.1f} s"
        print(line, file=sys.stderr, flush=True)

    return measure(options.repetitions, make(options.data.resolve()), say=say)


def startup(options: Options) -> list[dict[str, Any]]:
    """Return the seconds of commands that do nothing."""
    from benchmarks.startup import measure

    return measure()


def overhead(options: Options) -> dict[str, Any]:
    """Return what a run costs over its training."""
    from benchmarks.overhead import measure

    return measure(options.repetitions)


def precision(options: Options) -> list[dict[str, Any]]:
    """Return what bf16 changes in the results, from the runs of the study `precision`; nothing if there are none."""
    from benchmarks.precision import measure

    return measure()


def _python(module: str, *arguments: str) -> Any:
    """Return what a module prints as JSON in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


PARTS: dict[str, Callable[[Options], Any]] = {
    "machine": machine,
    "throughput": throughput,
    "peak": peak,
    "breakdown": breakdown,
    "sweep": sweep,
    "startup": startup,
    "overhead": overhead,
    "precision": precision,
}
