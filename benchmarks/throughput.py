"""Images per second of training steps: every way of training in turns, each in a process of its own."""

import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from joblib import cpu_count

from benchmarks.setting import Measurement, Setting

# way of training, precision
VARIANTS = (
    ("ours", "32-true"),
    ("bare", "32-true"),
    ("template", "32-true"),
    ("tuned", "32-true"),
    ("ours", "bf16-mixed"),
    ("tuned", "bf16-mixed"),
)


def train(way: str, setting: Setting, root: Path) -> Measurement:
    """Train a setting in this process: ours, bare, template (the stand-in as it comes) or tuned."""
    if way in ("template", "tuned"):
        from benchmarks import template

        return template.measure(setting, root, tuned=way == "tuned")
    module = importlib.import_module(f"benchmarks.{way}")
    # two batches take the one-off costs of the process
    module.measure(replace(setting, images=2 * setting.batch_size, epochs=1), root)
    found: Measurement = module.measure(setting, root)
    return found


def measure_all(root: Path, repetition: int, images: dict[int, int]) -> list[dict[str, Any]]:
    """Measure every way of training once per depth, in new processes, of which one works at a time.

    The order changes with the repetition; `images` has the training images of an epoch for each depth. Returns rows of
    task, way, precision, depth, images_per_second.
    """
    rows = []
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = {way: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for way, _ in VARIANTS}
        for place, (depth, count) in enumerate(images.items()):
            turn = (repetition + 2 * place) % len(VARIANTS)
            for way, precision in (*VARIANTS[turn:], *VARIANTS[:turn]):
                setting = Setting(depth, precision, cpu_count(), count)
                speed = pools[way].submit(train, way, setting, root).result().images_per_second
                row = {"task": "training", "way": way, "precision": precision, "depth": depth}
                rows.append(row | {"images_per_second": speed})
    return rows
