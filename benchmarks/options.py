"""What the command line of `benchmarks/run.py` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.setting import DEPTHS, PRECISIONS, Setting, grid
from whyrelu.errors import UnknownNameError, UserError

PARTS = ("machine", "throughput", "peak", "breakdown", "sweep", "startup", "overhead", "precision")


@dataclass(frozen=True)
class Options:
    """What to measure and where to write it."""

    depth: tuple[int, ...] = DEPTHS
    precision: tuple[str, ...] = PRECISIONS
    threads: tuple[int, ...] = (1, 2)
    repetitions: int = 3
    epochs: int = 2
    parts: tuple[str, ...] = PARTS
    data: Path = Path("data/benchmark")
    output: Path = Path("results/benchmark/benchmark.json")
    report: Path = Path("reports/benchmark")

    @classmethod
    def parse(cls, overrides: Sequence[str], quick: bool = False) -> Options:
        """Return the options of key=value arguments.

        Raises:
            UserError: a key or value is not valid.
        """
        options = replace(cls(), depth=(4,), threads=(1,)) if quick else cls()
        return replace(options, **dict(_parsed(override) for override in overrides))

    def settings(self) -> list[Setting]:
        """Return the points at which throughput is measured."""
        return list(grid(self.depth, self.precision, self.threads, self.epochs))


def _parsed(override: str) -> tuple[str, Any]:
    key, _, text = override.partition("=")
    values = text.split(",")
    if key in ("depth", "threads"):
        return key, tuple(_positive(key, value) for value in values)
    if key in ("repetitions", "epochs"):
        return key, _positive(key, text)
    if key in ("data", "output", "report"):
        return key, Path(text)
    for name, valid in (("precision", PRECISIONS), ("parts", PARTS)):
        if key == name:
            for value in values:
                if value not in valid:
                    raise UnknownNameError(f"value of {key}", value, valid)
            return key, tuple(values)
    raise UnknownNameError("setting", key, Options.__dataclass_fields__)


def _positive(key: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"setting {key} must be a whole number above 0, not {text!r}")
    return int(text)
