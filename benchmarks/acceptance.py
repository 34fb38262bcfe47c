"""The targets, what was found for each, and whether it is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.ratios import Spread, ratio, spread
from benchmarks.setting import DEPTHS, PRECISIONS

FP32, BF16 = PRECISIONS
# The number of threads of the targets: what a run of a study has.
THREADS = 1
BARE_AT_LEAST = 0.93
TEMPLATE_AT_LEAST = {4: 1.6, 8: 1.6, 16: 1.4}
TEMPLATE_BF16_AT_LEAST = 2.3
SWEEP_AT_LEAST = {FP32: 2.2, BF16: 4.0}
START_AT_MOST = 2.0
OVERHEAD_AT_MOST = 0.3


class Line(NamedTuple):
    """One target.

    Attributes:
        text: what is asked.
        bound: the target.
        is_least: whether it is the least that is asked, and not the most.
        found: what was measured, None if it was not.
        unit: of both: "times" or "s".
        is_target: whether it counts; otherwise it is another reading of a target.
    """

    text: str
    bound: float
    is_least: bool
    found: Spread | None
    unit: str = "times"
    is_target: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None if nothing was measured."""
        if self.found is None:
            return None
        return self.found.median >= self.bound if self.is_least else self.found.median <= self.bound


def lines(results: Mapping[str, Any]) -> list[Line]:
    """Return all targets with what was found."""
    return [*_throughput(results.get("throughput", [])), *_sweep(results.get("sweep", [])), *_starts(results)]


def _throughput(rows: list[dict[str, Any]]) -> list[Line]:
    other = sorted({row["threads"] for row in rows} - {THREADS})
    return [line for threads in (THREADS, *other) for line in _throughput_with(threads, rows)]


def _throughput_with(threads: int, rows: list[dict[str, Any]]) -> list[Line]:
    """Return the targets with a number of threads; those with another one than a study's run has are not counted."""
    key = "samples_per_second"
    is_counted = threads == THREADS
    suffix = "" if is_counted else f", {threads} threads"

    def found(depth: int, precision: str, other: str, other_precision: str) -> Spread | None:
        same = {"depth": depth, "threads": threads}
        over = {"implementation": "ours", "precision": precision, **same}
        return ratio(rows, key, over, {"implementation": other, "precision": other_precision, **same})

    of_bare = [
        Line(
            f"throughput over the bare loop, {name(precision)}, depth {depth}{suffix}",
            BARE_AT_LEAST,
            True,
            found(depth, precision, "bare", precision),
            is_target=is_counted,
        )
        for precision in PRECISIONS
        for depth in DEPTHS
    ]
    of_template = [
        Line(
            f"throughput over the template, fp32, depth {depth}{suffix}",
            least,
            True,
            found(depth, FP32, "template", FP32),
            is_target=is_counted,
        )
        for depth, least in TEMPLATE_AT_LEAST.items()
    ]
    mixed = [
        Line(
            f"throughput in bf16 over the template {reading}, depth {depth}{suffix}",
            TEMPLATE_BF16_AT_LEAST,
            True,
            found(depth, BF16, "template", precision),
            is_target=is_counted and precision == FP32,
        )
        for reading, precision in (("as it comes (fp32)", FP32), ("in bf16 too", BF16))
        for depth in DEPTHS
    ]
    return [*of_bare, *of_template, *mixed]


def _sweep(rows: list[dict[str, Any]]) -> list[Line]:
    def found(precision: str, other_precision: str) -> Spread | None:
        over = {"implementation": "template", "precision": other_precision}
        return ratio(rows, "seconds", over, {"implementation": "ours", "precision": precision})

    return [
        Line("sweep of 12 runs against the template's, fp32", SWEEP_AT_LEAST[FP32], True, found(FP32, FP32)),
        Line(
            "sweep of 12 runs in bf16 against the template's as it comes (fp32)",
            SWEEP_AT_LEAST[BF16],
            True,
            found(BF16, FP32),
        ),
        Line(
            "sweep of 12 runs in bf16 against the template's in bf16 too",
            SWEEP_AT_LEAST[BF16],
            True,
            found(BF16, BF16),
            is_target=False,
        ),
    ]


def _starts(results: Mapping[str, Any]) -> list[Line]:
    starts = {row["name"]: row for row in results.get("startup", [])}
    lines = []
    for key, text in (("help", "`python src/train.py --help`"), ("repro", "`dvc repro` with nothing to do")):
        seconds = starts[key]["seconds"] if key in starts else []
        lines.append(Line(text, START_AT_MOST, False, Spread.of(seconds) if seconds else None, "s"))
    overhead = spread(results.get("overhead", {}).get("warm", []), "cycle")
    lines.append(Line("a run in a warm worker, over its training", OVERHEAD_AT_MOST, False, overhead, "s"))
    return lines


def name(precision: str) -> str:
    """Return the short name of a precision."""
    return {FP32: "fp32", BF16: "bf16"}[precision]
