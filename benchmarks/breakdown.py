"""Where the time of whyrelu's training steps goes, by kind of operation, as torch.profiler sees it.

python -m benchmarks.breakdown ROOT THREADS prints it as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks import ours
from benchmarks.breakdown_kinds import ALL, OF_DATA, OPTIMIZER, REST, UPDATES, kind_of
from benchmarks.setting import BATCH_SIZE, DEPTHS, PRECISIONS, Setting
from benchmarks.synthetic import SyntheticSet, find
from whyrelu.data.batches import ImageDataModule

DATA = "bench::data"
# Steps that are profiled, after two that are not.
STEPS = 10


class Profiled:
    """Batches of another loader; profiles what happens between the third and the last of them."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.profile = profile(activities=[ProfilerActivity.CPU])
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        iterator = iter(self._batches)
        last = len(self) - 1
        for place in range(len(self)):
            if place == 2:
                self.profile.start()
                started = time.perf_counter()
            if place == last:
                self.seconds = time.perf_counter() - started
                self.profile.stop()
            with record_function(DATA):
                batch = next(iterator)
            yield batch


def seconds_by_kind(events: Iterable[FunctionEvent], total: float) -> dict[str, float]:
    """Return seconds by kind of operation, data and the rest included; their sum is `total`."""
    found = dict.fromkeys(ALL[:-1], 0.0)
    for event in events:
        kind = kind_of(event.name)
        if kind is not None:
            above = regions(event)
            if DATA in above:
                kind = OF_DATA
            # the closure that Lightning hands to the optimizer holds the whole step, so names must tell the update
            elif event.name in UPDATES and any(name.startswith("Optimizer.step") for name in above):
                kind = OPTIMIZER
            found[kind] += event.self_cpu_time_total / 1e6
    return found | {REST: total - sum(found.values())}


def _events(found: profile) -> list[FunctionEvent]:
    return list(found.events() or [])  # type: ignore[no-untyped-call]


def regions(event: FunctionEvent) -> list[str]:
    """Return the names of all that encloses an event."""
    names, above = [], event.cpu_parent
    while above is not None:
        names.append(above.name)
        above = above.cpu_parent
    return names


def measure(
    data: SyntheticSet,
    threads: int,
    depths: Sequence[int] = DEPTHS,
    precisions: Sequence[str] = PRECISIONS,
    steps: int = STEPS,
) -> list[dict[str, Any]]:
    """Profile whyrelu's training at each depth and precision.

    Returns:
        Rows of depth, precision, threads, steps, seconds (of these steps) and kinds (seconds by kind).
    """
    rows = []
    original = ImageDataModule.train_dataloader
    for depth in depths:
        for precision in precisions:
            setting = Setting(depth, precision, threads, images=(steps + 3) * BATCH_SIZE, epochs=1)
            ours.measure(setting.warm_up(), data)
            made: list[Profiled] = []

            def profiled(module: ImageDataModule, made: list[Profiled] = made) -> Any:
                made.append(Profiled(original(module)))
                return made[-1]

            ImageDataModule.train_dataloader = profiled  # type: ignore[method-assign, assignment]
            try:
                ours.measure(setting, data)
            finally:
                ImageDataModule.train_dataloader = original  # type: ignore[method-assign]
            kinds = seconds_by_kind(_events(made[0].profile), made[0].seconds)
            named = {"depth": depth, "precision": precision, "threads": threads, "steps": steps}
            rows.append({**named, "seconds": made[0].seconds, "kinds": kinds})
    return rows


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    out = sys.stdout
    sys.stdout = sys.stderr
    print(json.dumps(measure(find(Path(sys.argv[1])), int(sys.argv[2]))), file=out)
