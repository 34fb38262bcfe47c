"""What the measurements say, in sentences made from the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import precision as effect_of_precision
from benchmarks.acceptance import FP32, THREADS, name
from benchmarks.ratios import Spread, ratio
from benchmarks.setting import BATCH_SIZE, PRECISIONS
from benchmarks.tables import best_peak, share_of_peak

# the kinds of operations whose floating-point operations are counted
MULTIPLYING = ("convolution", "linear layer")


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Return the reading of all parts that were measured."""
    said = []
    if found.get("throughput"):
        said += _throughput(found["throughput"])
    if found.get("peak") and found.get("throughput"):
        said += _peak(found)
    if found.get("breakdown"):
        said += _breakdown(found)
    if found.get("sweep"):
        said += _sweep(found["sweep"], (found.get("machine") or {}).get("cores"))
    if found.get("precision"):
        said.append(effect_of_precision.sentence(found["precision"]))
    return said


def _throughput(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    depths = sorted({row["depth"] for row in rows})

    def medians(over: str, over_precision: str, under: str, under_precision: str) -> list[float]:
        found = [
            ratio(
                rows,
                "samples_per_second",
                {"implementation": over, "precision": over_precision, "depth": depth, "threads": THREADS},
                {"implementation": under, "precision": under_precision, "depth": depth, "threads": THREADS},
            )
            for depth in depths
        ]
        return [item.median for item in found if item is not None]

    said = []
    for precision in PRECISIONS:
        bare = medians("ours", precision, "bare", precision)
        template = medians("ours", precision, "template", precision)
        if bare and template:
            said.append(
                f"In {name(precision)} whyrelu trains at {_range(bare)} times the speed of the bare loop and at "
                f"{_range(template)} times that of the template with the same precision."
            )
    mixed = medians("ours", PRECISIONS[1], "template", FP32)
    if mixed:
        said.append(f"In bf16 it is {_range(mixed)} times as fast as the template as it comes, which is fp32.")
    longer = [1 / value for value in medians("template", PRECISIONS[1], "template", FP32)]
    if longer:
        said.append(f"The template itself takes {_range(longer)} times as long in bf16 as in fp32.")
    return said


def _peak(found: Mapping[str, Any]) -> list[str]:
    said = []
    depths = [row["depth"] for row in found["peak"]["training"]]
    for precision in PRECISIONS:
        peak = best_peak(found, THREADS, precision)
        shares = [100 * share_of_peak(found, "ours", depth, precision, THREADS) for depth in depths]
        shares = [share for share in shares if share == share]
        if peak and shares:
            said.append(
                f"Matrix multiplication reaches {peak / 1e9:,.0f} billion operations per second in {name(precision)} "
                f"with {THREADS} thread; whyrelu's training uses {_range(shares, 1)}% of that."
            )
    return said


def _breakdown(found: Mapping[str, Any]) -> list[str]:
    said = []
    rows = found["breakdown"]
    flops = {row["depth"]: row["flops_per_sample"] for row in found.get("peak", {}).get("training", [])}
    for precision in PRECISIONS:
        same = [row for row in rows if row["precision"] == precision]
        if not same:
            continue
        share = [100 * row["kinds"]["convolution"] / row["seconds"] for row in same]
        text = f"In {name(precision)} convolutions take {_range(share, 0)}% of a training step"
        peak = best_peak(found, THREADS, precision) if found.get("peak") else None
        if peak:
            reached = [
                100 * flops[row["depth"]] * BATCH_SIZE * row["steps"] / row["kinds"]["convolution"] / peak
                for row in same
                if row["depth"] in flops
            ]
            text += f" and reach {_range(reached, 0)}% of the peak while they run"
        others: dict[str, list[float]] = {}
        for row in same:
            for kind, seconds in row["kinds"].items():
                if kind not in MULTIPLYING:
                    others.setdefault(kind, []).append(100 * seconds / row["seconds"])
        largest = sorted(others.items(), key=lambda item: -max(item[1]))[:4]
        named = "; ".join(f"{kind} {_range(shares, 0)}%" for kind, shares in largest)
        said.append(f"{text}. The rest of the step multiplies no matrices; most of it is {named}.")
    return said


def _sweep(rows: Sequence[Mapping[str, Any]], cores: int | None) -> list[str]:
    said = []
    for precision in PRECISIONS:
        over = {"implementation": "template", "precision": FP32}
        under = {"implementation": "ours", "precision": precision}
        faster = ratio(rows, "seconds", over, under)
        if faster is None:
            continue
        text = (
            f"The template, as it comes in fp32, takes {faster.median:.2f} times as long for the sweep as whyrelu "
            f"in {name(precision)}"
        )
        own = [row for row in rows if row["implementation"] == "ours" and row["precision"] == precision]
        if cores:
            shares = Spread.of([100 * row["training_seconds"] / cores / row["seconds"] for row in own])
            text += f"; training steps fill {shares.median:.0f}% of whyrelu's time on all cores"
        said.append(f"{text}.")
    return said


def _range(values: Sequence[float], digits: int = 2) -> str:
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"
