"""Measurements as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.options import Options
from benchmarks.ratios import ratio, spread
from benchmarks.throughput import IMPLEMENTATIONS


def throughput(rows: Sequence[Mapping[str, Any]], options: Options) -> str:
    """Return medians of samples per second and the ratios that the targets are about, a line per setting."""
    header = f"{'threads':>7} {'depth':>5} {'precision':10} {'ours':>7} {'template':>8} {'bare':>7}"
    lines = [f"{header} {'ours/bare':>20} {'ours/template':>20} {'ours/template fp32':>20}"]
    for setting in options.settings():
        here = {"depth": setting.depth, "threads": setting.threads}
        own = here | {"precision": setting.precision}
        speeds = [spread(rows, "samples_per_second", implementation=name, **own) for name in IMPLEMENTATIONS]
        ours = {"implementation": "ours", **own}
        found = [
            ratio(rows, "samples_per_second", ours, under)
            for under in (
                {"implementation": "bare", **own},
                {"implementation": "template", **own},
                {"implementation": "template", **here, "precision": "32-true"},
            )
        ]
        medians = "".join(
            f"{speed.median:{width}.0f} " if speed else " " * width
            for speed, width in zip(speeds, (7, 8, 7), strict=True)
        )
        texts = [f"{item.median:.2f} ({item.low:.2f}-{item.high:.2f})" if item else "-" for item in found]
        columns = " ".join(f"{text:>20}" for text in texts)
        lines.append(f"{setting.threads:7} {setting.depth:5} {setting.precision:10} {medians}{columns}")
    return "\n".join(lines)
