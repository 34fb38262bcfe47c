"""The page of the benchmark from what was measured: python benchmarks/report.py writes it without measuring again."""

import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import bootstrap

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from whyrelu.report.style import INK, drawing, new_figure, save_svg  # noqa: E402
from whyrelu.report.templating import environment_of  # noqa: E402

LABELS = {"bare": "bare loop", "template": "stand-in as it comes", "tuned": "stand-in, tuned"}
PRECISIONS = {"32-true": "fp32", "tf32": "TF32", "bf16-mixed": "bf16"}
COLOURS = ("#0072B2", "#E69F00", "#009E73")
TASKS = ("training", "sweep", "run", "help")
# The rows on top of the page; training at the middle of the depths that were measured.
MAIN = (
    ("training", "bare", "32-true"),
    ("training", "template", "32-true"),
    ("training", "tuned", "bf16-mixed"),
    ("sweep", "template", "32-true"),
)


def median_ratio(over: Sequence[float], under: Sequence[float]) -> tuple[float, float, float]:
    """Return the median ratio of at least two pairs and its 95% interval, a bootstrap of the log ratio."""
    logs = np.log(over) - np.log(under)
    found = bootstrap((logs,), np.median, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    return math.exp(np.median(logs)), math.exp(found.low), math.exp(found.high)


def comparisons(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare whyrelu with every way that did the same task with the same precision.

    Rows of task, way (the other), precision, depth (0 where it is not one depth), ours and other (medians, in images or
    tasks per second), ratio (above 1 where whyrelu is faster) and is_main.
    """
    speeds: dict[tuple[str, str, str, int], list[float]] = {}
    for row in rows:
        key = row["task"], row["way"], row["precision"], row.get("depth", 0)
        speeds.setdefault(key, []).append(row["images_per_second"] if "depth" in row else 1 / row["seconds"])
    depths = sorted({row["depth"] for row in rows if "depth" in row})
    shown = {(*key, depths[len(depths) // 2] if key[0] == "training" else 0) for key in MAIN}
    found = []
    for key, other in sorted(speeds.items()):
        task, way, precision, depth = key
        own = speeds.get((task, "ours", precision, depth))
        if own is not None and way != "ours":
            names = {"task": task, "way": way, "precision": precision, "depth": depth}
            medians = {"ours": statistics.median(own), "other": statistics.median(other)}
            found.append(names | medians | {"ratio": median_ratio(own, other), "is_main": key in shown})
    return sorted(found, key=lambda each: TASKS.index(each["task"]))


def draw(compared: Sequence[Mapping[str, Any]]) -> Figure:
    """Ratios of training throughput with their intervals: a line per other way, a marker per depth."""
    trained = [each for each in compared if each["task"] == "training"]
    lines = list(dict.fromkeys((each["way"], each["precision"]) for each in trained))
    depths = sorted({each["depth"] for each in trained})
    figure = new_figure(1.2 + 0.55 * len(lines), "Training throughput beside each other way of training")
    axes = figure.subplots()
    for place, (depth, colour, marker) in enumerate(zip(depths, COLOURS, "os^", strict=False)):
        same = [each for each in trained if each["depth"] == depth]
        heights = [lines.index((each["way"], each["precision"])) + 0.2 * (place - len(depths) // 2) for each in same]
        axes.plot([each["ratio"][0] for each in same], heights, marker, color=colour, label=f"depth {depth}")
        axes.hlines(heights, *zip(*(each["ratio"][1:] for each in same), strict=True), color=colour)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(lines)), [f"{LABELS[way]}, {PRECISIONS[precision]}" for way, precision in lines])
    axes.invert_yaxis()
    axes.set_xlabel("images per second of whyrelu, divided by those of the other")
    figure.legend(loc="outside lower left", ncols=len(depths))
    return figure


def write_page(results: Path, report: Path) -> Path:
    """Write the page and its figure from the file that benchmarks/run.py writes; return the path of the page."""
    found = json.loads(results.read_bytes())
    compared = comparisons(found["rows"])
    # of whyrelu alone, in seconds
    alone = {
        task: statistics.median(row["seconds"] for row in found["rows"] if (row["task"], row["way"]) == (task, "ours"))
        for task in sorted({row["task"] for row in found["rows"]} - {"training"})
    }
    with drawing():
        save_svg(draw(compared), report / "figures" / "throughput.svg")
    gpu = results.with_name("gpu.json")
    found |= {"gpu": json.loads(gpu.read_bytes()) if gpu.exists() else None}
    (report / "README.md").write_text(rendered("page.md.jinja", found, compared=compared, alone=alone))
    return report / "README.md"


def rendered(template: str, *values: Mapping[str, Any], **more: Any) -> str:
    """A template of this folder as text."""
    return environment_of(ROOT / "benchmarks").get_template(template).render(*values, precisions=PRECISIONS, **more)


if __name__ == "__main__":
    print(f"report: {write_page(ROOT / 'results/benchmark/benchmark.json', ROOT / 'reports/benchmark')}")
