"""What MLflow shows of a run and of a cell, from finished records alone; nothing here talks to MLflow."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from whyrelu.report.style import style_of
from whyrelu.results.cells import cells_table
from whyrelu.results.tables import build_tables
from whyrelu.runs.store import Record
from whyrelu.tracking.labels import cell_factors, cell_id, shown_study

# What a tag may hold is limited by the server, to 5000 characters in older ones.
LONGEST_TAG = 4_000
TRAIN_SCRIPT = "src/train.py"


class Point(NamedTuple):
    """One value of a metric: `step` is the epoch (0 for a result of the whole run), `time` milliseconds since 1970."""

    key: str
    value: float
    step: int
    time: int


@dataclass(frozen=True)
class Content:
    """What a run of MLflow holds beside its artifacts; times are milliseconds since 1970."""

    start: int
    end: int
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    points: list[Point] = field(default_factory=list)


def digest(parts: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that change when any of the parts does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def run_content(record: Record) -> Content:
    """What MLflow shows of one run: factors as parameters, its history by epoch, its results, where it came from.

    Args:
        record: a finished run as in run.json.
    """
    start, end = _times(record)
    return Content(
        start=start,
        end=end,
        status="FAILED" if record["status"] == "failed" else "FINISHED",
        params=_params(record["factors"]),
        tags={"kind": "run", "run_id": record["run_id"], **_common_tags(record), **_provenance_tags(record)},
        points=list(_history(record, start, end)) + list(_results(record, end)),
    )


def cell_content(records: Sequence[Record]) -> Content:
    """What MLflow shows of one cell: the summary of test accuracy over its seeds, and how many of them failed.

    Args:
        records: one of each seed of the cell, at least one.
    """
    times = [_times(record) for record in records]
    start, end = min(start for start, _ in times), max(end for _, end in times)
    metrics = cell_metrics(records)
    tags = {"kind": "cell", **_common_tags(records[0]), "mlflow.note.content": _sentence(metrics)}
    tags.pop("status")
    return Content(
        start=start,
        end=end,
        status="FINISHED",
        params=_params(cell_factors(records[0])),
        tags=tags,
        # Not at the end of the cell's last run: what is written later must count as the later value.
        points=[Point(key, value, 0, _now()) for key, value in metrics.items()],
    )


def cell_metrics(records: Sequence[Record]) -> dict[str, float]:
    """The row of cells.parquet for one cell, as metrics.

    Runs that broke down have no result and are counted as `errors`, if there are any. `test_accuracy` is the mean once
    more, under the name that runs use, so that both stand in one column.
    """
    measured = [record for record in records if record["status"] != "failed"]
    metrics: dict[str, float] = {}
    counts = {"n": 0.0, "failures": 0.0}
    if measured:
        row = cells_table(build_tables(measured).runs).iloc[0]
        # first what the UI compares first
        metrics["test_accuracy"] = float(row["mean"])
        metrics |= {f"test_accuracy_{name}": float(row[name]) for name in ("mean", "sd", "iqm", "low", "high")}
        counts = {name: float(row[name]) for name in counts}
    metrics |= counts
    if len(measured) < len(records):
        metrics["errors"] = float(len(records) - len(measured))
    return {key: value for key, value in metrics.items() if math.isfinite(value)}


def start_time(record: Record) -> int:
    """When a run began, in milliseconds since 1970."""
    return _times(record)[0]


def latest_of_each_seed(records: Sequence[Record]) -> list[Record]:
    """One record for each seed, by seed; there are more if a person rewrote an activation of their own."""
    by_start = sorted(records, key=lambda record: str(record["provenance"]["started"]))
    latest = {record["factors"]["seed"]: record for record in by_start}
    return [latest[seed] for seed in sorted(latest)]


def _sentence(metrics: Mapping[str, float]) -> str:
    counts = f"{metrics['failures']:.0f} of {metrics['n']:.0f} runs failed to learn"
    if "errors" in metrics:
        counts += f", {metrics['errors']:.0f} more broke down"
    if "test_accuracy" not in metrics:
        return counts
    text = f"**{100 * metrics['test_accuracy']:.1f} %** mean test accuracy"
    if "test_accuracy_low" in metrics:
        low, high = 100 * metrics["test_accuracy_low"], 100 * metrics["test_accuracy_high"]
        text += f", 95 % interval {low:.1f} to {high:.1f} %"
    return f"{text}; {counts}"


def _params(factors: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in factors.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _common_tags(record: Record) -> dict[str, str]:
    return {
        "study": shown_study(record),
        "cell": cell_id(record),
        "status": record["status"],
        "mlflow.source.name": TRAIN_SCRIPT,
        "mlflow.source.type": "LOCAL",
        "mlflow.runColor": _colour(record["factors"]),
    }


def _colour(factors: Mapping[str, Any]) -> str:
    """The activation's colour in all figures, the paler the shallower the net: halfway to white at depth 1."""
    white = 0.5 * (1 - min(1.0, math.log2(factors["depth"]) / 6))
    colour = style_of(factors["activation"]).colour
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(channel + white * (255 - channel)):02x}" for channel in channels)


def _provenance_tags(record: Record) -> dict[str, str]:
    provenance = record["provenance"]
    shown = ("git_commit", "git_dirty", "code_version", "device", "cpu")
    tags = {key: _text(provenance.get(key)) for key in shown}
    if provenance["git_commit"]:
        tags["mlflow.source.git.commit"] = provenance["git_commit"]
    if record["at_chance"] is not None:
        tags["at_chance"] = json.dumps(record["at_chance"])
    if record["error"]:
        tags["error"] = record["error"][:LONGEST_TAG]
        tags["mlflow.note.content"] = f"Broke down: {record['error'][:LONGEST_TAG]}"
    return tags


def _times(record: Record) -> tuple[int, int]:
    start = datetime.fromisoformat(record["provenance"]["started"]).timestamp()
    return round(1000 * start), round(1000 * (start + record["provenance"]["seconds"]))


def _now() -> int:
    return round(1000 * datetime.now().timestamp())


def _history(record: Record, start: int, end: int) -> Iterable[Point]:
    history = record["history"]
    epochs = history.get("epoch", [])
    for key in history:
        if key == "epoch":
            continue
        for index, (epoch, value) in enumerate(zip(epochs, history[key], strict=True), start=1):
            if _is_number(value):
                # Only start and end are on record: the epochs are laid evenly between them.
                yield Point(key, float(value), epoch, start + (end - start) * index // len(epochs))


def _results(record: Record, end: int) -> Iterable[Point]:
    for key, value in record["metrics"].items():
        # What has a history ends with this very value.
        if key not in record["history"] and _is_number(value):
            yield Point(key, float(value), 0, end)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
