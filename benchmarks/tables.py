"""The tables of the page as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.acceptance import FP32, THREADS, Line, name
from benchmarks.breakdown_kinds import kinds_of
from benchmarks.ratios import Spread, ratio, spread
from benchmarks.setting import PRECISIONS

Rows = Sequence[Mapping[str, Any]]

# of the sweeps, in the order in which they are shown
SWEEPS = (
    ("ours", "32-true", "whyrelu"),
    ("template", "32-true", "template"),
    ("template_joblib", "32-true", "template, joblib with 2 workers of 1 thread"),
    ("ours", "bf16-mixed", "whyrelu"),
    ("ours_untracked", "bf16-mixed", "whyrelu without MLflow"),
    ("template", "bf16-mixed", "template"),
)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Return a table whose first columns are texts and whose other columns are numbers."""
    marks = ["---" if place < texts else "---:" for place in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, marks, *rows])


def span(value: Spread | None, digits: int = 2) -> str:
    """Return a median with the least and the greatest of its repetitions: "1.52 (1.49 to 1.55)"; "-" for None."""
    if value is None:
        return "-"
    median, low, high = (f"{number:,.{digits}f}" for number in value[:3])
    return f"{median} ({low} to {high})" if value.n > 1 else f"{median} (once)"


def targets(lines: Sequence[Line]) -> str:
    """Return the targets, what was found, and whether they are met."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    rows = []
    for line in lines:
        unit = " s" if line.unit == "s" else ""
        bound = f"{'at least' if line.is_least else 'at most'} {line.bound:g}{unit}"
        verdict = words[line.met] if line.is_target or line.found is None else f"{words[line.met]} (other reading)"
        # a bound of 0.93 is not read off two digits
        found = span(line.found, 2 if line.bound >= 1 else 3)
        rows.append([line.text, bound, found + (unit if line.found else ""), verdict])
    return markdown(["what", "target", "found", ""], rows)


def throughput(rows: Rows, threads: int) -> str:
    """Return training images per second of all implementations and whyrelu's ratios to the others."""
    key, lines = "samples_per_second", []
    depths = sorted({row["depth"] for row in rows})
    for precision in [precision for precision in PRECISIONS if any(row["precision"] == precision for row in rows)]:
        for depth in depths:
            own = {"depth": depth, "precision": precision, "threads": threads}
            ours = {"implementation": "ours", **own}
            speeds = [
                spread(rows, key, implementation=implementation, **own)
                for implementation in ("ours", "bare", "template")
            ]
            ratios = [
                ratio(rows, key, ours, {"implementation": "bare", **own}),
                ratio(rows, key, ours, {"implementation": "template", **own}),
                ratio(rows, key, ours, {"implementation": "template", **own, "precision": FP32}),
            ]
            medians = ["-" if speed is None else f"{speed.median:,.0f}" for speed in speeds]
            lines.append([name(precision), str(depth), *medians, *(span(item) for item in ratios)])
    header = ["precision", "depth", "whyrelu", "bare", "template"]
    return markdown([*header, "whyrelu / bare", "whyrelu / template", "whyrelu / template in fp32"], lines)


def sweep(rows: Rows) -> str:
    """Return the seconds of whole sweeps and how many times whyrelu's the template's are."""
    lines = []
    for implementation, precision, label in SWEEPS:
        seconds = spread(rows, "seconds", implementation=implementation, precision=precision)
        if seconds is None:
            continue
        faster = [
            ratio(
                rows,
                "seconds",
                {"implementation": "template", "precision": other},
                {"implementation": implementation, "precision": precision},
            )
            for other in PRECISIONS
        ]
        shown = [span(item) if implementation.startswith("ours") else "-" for item in faster]
        lines.append([label, name(precision), span(seconds, 1), *shown])
    header = [
        "sweep",
        "precision",
        "seconds",
        "times faster than the template in fp32",
        "... than the template in bf16",
    ]
    return markdown(header, lines, texts=2)


def sweep_bars(rows: Rows, machine: Mapping[str, Any] | None) -> list[tuple[str, Spread, float | None]]:
    """Return label, seconds, and the seconds per core that were training steps, of every sweep."""
    bars = []
    for implementation, precision, label in SWEEPS:
        same = {"implementation": implementation, "precision": precision}
        seconds = spread(rows, "seconds", **same)
        if seconds is not None:
            training = spread([row for row in rows if row["training_seconds"]], "training_seconds", **same)
            per_core = training.median / machine["cores"] if training and machine else None
            short = label.replace("with 2 workers of 1 thread", "(2 workers)")
            bars.append((f"{short}, {name(precision)}", seconds, per_core))
    return bars


def best_peak(found: Mapping[str, Any], threads: int, precision: str) -> float | None:
    """Return the most operations per second that a matrix multiplication reached."""
    rows = found["peak"]["multiplication"]
    speeds = [row["flops_per_second"] for row in rows if (row["threads"], row["precision"]) == (threads, precision)]
    return max(speeds, default=None)


def peak(found: Mapping[str, Any]) -> str:
    """Return the speed of matrix multiplication by size."""
    rows = found["peak"]["multiplication"]
    sizes = sorted({row["size"] for row in rows})
    lines = []
    for threads, precision in dict.fromkeys((row["threads"], row["precision"]) for row in rows):
        speeds = {
            row["size"]: row["flops_per_second"]
            for row in rows
            if (row["threads"], row["precision"]) == (threads, precision)
        }
        lines.append([name(precision), str(threads), *(f"{speeds[size] / 1e9:,.0f}" for size in sizes)])
    return markdown(["precision", "threads", *(f"{size} x {size}" for size in sizes)], lines)


def share_of_peak(found: Mapping[str, Any], implementation: str, depth: int, precision: str, threads: int) -> float:
    """Return which part of the machine's peak an implementation's training uses; nan if it was not measured."""
    flops = {row["depth"]: row["flops_per_sample"] for row in found["peak"]["training"]}
    same = {"implementation": implementation, "depth": depth, "precision": precision, "threads": threads}
    speed = spread(found["throughput"], "samples_per_second", **same)
    peak_speed = best_peak(found, threads, precision)
    if speed is None or peak_speed is None or depth not in flops:
        return float("nan")
    return float(speed.median * flops[depth] / peak_speed)


def use(found: Mapping[str, Any]) -> str:
    """Return the share of the peak that training uses, with the threads of the targets."""
    lines = []
    for row in found["peak"]["training"]:
        for precision in PRECISIONS:
            shares = [
                f"{100 * share_of_peak(found, implementation, row['depth'], precision, THREADS):.1f}%"
                for implementation in ("ours", "bare", "template")
            ]
            flops = f"{row['flops_per_sample'] / 1e6:.1f}"
            lines.append([str(row["depth"]), name(precision), flops, *shares])
    return markdown(["depth", "precision", "million operations per image", "whyrelu", "bare", "template"], lines, 2)


def breakdown(rows: Rows) -> str:
    """Return the time of a training step by kind of operation."""
    kinds = kinds_of(rows)
    lines = [
        [
            f"{name(row['precision'])}, depth {row['depth']}",
            f"{1000 * row['seconds'] / row['steps']:.1f} ms",
            *(f"{100 * row['kinds'][kind] / row['seconds']:.1f}%" for kind in kinds),
        ]
        for row in rows
    ]
    return markdown(["", "step", *kinds], lines)


def startup(rows: Rows) -> str:
    """Return the seconds of commands that do nothing."""
    lines = [
        [f"`{row['command']}`", span(Spread.of(row["seconds"])) if row["seconds"] else f"not measured: {row['reason']}"]
        for row in rows
    ]
    return markdown(["command", "seconds"], lines)


def overhead(found: Mapping[str, Any]) -> str:
    """Return what a run costs over its training in a warm worker."""
    rows = found["warm"]
    lines = [
        ["by the run's own clock, evaluation included", span(spread(rows, "inside"), 3)],
        ["with composing, handing over and recording", span(spread(rows, "cycle"), 3)],
        ["for comparison: its training steps", span(spread(rows, "training"), 3)],
    ]
    return markdown(["a run in a warm worker", "seconds"], lines)


def diagnostics(found: Mapping[str, Any]) -> str:
    """Return what looking inside the networks costs."""
    lines = [
        [str(row["depth"]), f"{row['off']:.2f}", f"{row['full']:.2f}", f"{100 * (row['full'] / row['off'] - 1):.0f}%"]
        for row in found["diagnostics"]
    ]
    return markdown(["depth", "off, seconds", "full, seconds", "cost"], lines)


def precision(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return accuracies in both precisions and their differences."""
    lines = [
        [
            f"{row['activation']}, depth {row['depth']}",
            str(row["pairs"]),
            *(
                f"{100 * row[name]:.1f} ({count} at chance)" if count else f"{100 * row[name]:.1f}"
                for name, count in zip(("fp32", "bf16"), row["at_chance"], strict=True)
            ),
            f"{100 * row['difference']:+.2f} [{100 * row['low']:.2f}, {100 * row['high']:.2f}]",
            row["outcome"],
        ]
        for row in rows
    ]
    return markdown(["cell", "pairs of runs", "fp32", "bf16", "bf16 - fp32", "outcome"], lines)


def machine(facts: Mapping[str, Any]) -> str:
    """Return the facts of the machine."""
    libraries = ", ".join(f"{library} {version}" for library, version in facts["libraries"].items())
    lines = [
        ["CPU", f"{facts['cpu']}, {facts['cores']} cores"],
        ["instruction sets", ", ".join(facts["flags"]) or "-"],
        ["memory", f"{facts['memory_gib']} GiB" if facts["memory_gib"] else "-"],
        ["system", f"{facts['system']}, Python {facts['python']}"],
        ["libraries", libraries],
    ]
    return markdown(["", ""], lines, texts=2)


def moments(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return when each part was measured, of which code, and how busy the machine was before."""
    lines = []
    for part, when in found.items():
        dirty = " with changes" if when["git_dirty"] else ""
        commit = f"{when['git_commit'][:12]}{dirty}" if when["git_commit"] else "-"
        lines.append([part, when["started"], commit, f"{when['load']:.2f}"])
    return markdown(["part", "started", "commit", "load before (1 minute)"], lines, texts=3)
