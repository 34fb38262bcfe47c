"""What whyrelu does on a GPU: whether runs repeat, accuracy beside the CPU's, throughput, kernels and many workers.

python benchmarks/gpu.py           on a CUDA GPU, at most eight minutes: results/benchmark/gpu.json, and the page
python benchmarks/gpu.py --tiny    all of it, but small, and on a CPU where there is no GPU, into build/benchmark
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import torch
from torch.profiler import profile

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import commands, data, ours, throughput  # noqa: E402
from benchmarks.report import PRECISIONS, rendered, write_page  # noqa: E402
from benchmarks.setting import BATCH_SIZE, Setting  # noqa: E402
from whyrelu.config.grid import compose  # noqa: E402
from whyrelu.data.arrays import load  # noqa: E402
from whyrelu.errors import one_line  # noqa: E402
from whyrelu.training.fit import Result, fit  # noqa: E402

Row = dict[str, Any]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FULL: Row = {"made": 7040, "images": 5120, "epochs": 10, "depths": (4, 8, 16), "workers": (1, 4, 16), "times": 3}
TINY: Row = {"made": 1600, "images": 256, "epochs": 2, "depths": (1,), "workers": (1, 2), "times": 1}
STUDY = ["activation=relu,sigmoid", "depth=4,8", "seed=range(0,5)", "hydra.launcher.n_jobs=4"]
TINY_STUDY = ["activation=relu,sigmoid", "depth=1", "trainer.max_epochs=1", "hydra.launcher.n_jobs=2"]
# Seconds after which no more workers are started.
LATEST = 400
MPS = "nvidia-cuda-mps-control"
# Where the workers of a crowd meet; each has its own.
_together: Barrier


class Interrupted(Exception):
    """What ends a run before its time."""


def repeats(root: Path, precision: str, depth: int) -> Row:
    """Whether a run gives the same bits again, and when it is interrupted in its second epoch and resumed."""
    more = [f"depth={depth}", f"trainer.accelerator={DEVICE}", "trainer.checkpoint_seconds=0"]
    config = compose([*ours.overrides(root, 512, 3, precision, diagnostics="full"), *more])
    arrays = load(root / "prepared" / data.NAME)

    def interrupt(history: dict[str, list[float]]) -> None:
        if len(history["epoch"]) == 2:
            raise Interrupted

    with tempfile.TemporaryDirectory() as folder:
        first, again = (_bits(fit(config, arrays, Path(folder) / name)) for name in ("first", "again"))
        with suppress(Interrupted):
            fit(config, arrays, Path(folder) / "resumed", interrupt)
        resumed = _bits(fit(config, arrays, Path(folder) / "resumed"))
    return {"precision": PRECISIONS[precision], "same again": first == again, "same resumed": first == resumed}


def _bits(result: Result) -> tuple[str, float, bytes]:
    assert result.findings is not None
    return repr(result.history), result.metrics["test_loss"], result.findings.layers.tobytes()


def accuracies(root: Path, study: Sequence[str]) -> Iterator[Row]:
    """Mean test accuracy of every cell of a small study of the digits, on the CPU and on the device."""
    found: dict[str, dict[str, list[float]]] = {}
    for device, precision in dict.fromkeys((("cpu", "32-true"), (DEVICE, "32-true"), (DEVICE, "bf16-mixed"))):
        way, runs = f"{device} {PRECISIONS[precision]}", root / f"{device}-{precision}"
        where = [f"trainer.accelerator={device}", f"precision={precision}", f"run_root='{runs}'"]
        more = [f"prepared_root='{root / 'digits'}'", "diagnostics=off", "mlflow.tracking_uri=null"]
        commands.timed([sys.executable, "src/train.py", "-m", *study, *where, *more])
        for path in sorted(runs.glob("*/*/run.json")):
            record = json.loads(path.read_bytes())
            cell = f"{record['factors']['activation']}, depth {record['factors']['depth']}"
            found.setdefault(cell, {}).setdefault(way, []).append(record["metrics"]["test_accuracy"])
    for cell, by_way in found.items():
        means = {way: round(statistics.mean(own), 4) for way, own in by_way.items()}
        yield {"cell": cell, "runs": len(next(iter(by_way.values()))), **means}


def speeds(root: Path, setting: Setting, times: int) -> Row:
    """Images per second of whyrelu and of the bare loop, medians of a few, each way in a process of its own."""
    found = {}
    for way in ("ours", "bare"):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            measured = [pool.submit(throughput.train, way, setting, root).result() for _ in range(times)]
        found[way] = statistics.median(each.images_per_second for each in measured)
    ratio = found["ours"] / found["bare"]
    return {"depth": setting.depth, "precision": PRECISIONS[setting.precision], **_rounded(found | {"ratio": ratio})}


def launches(root: Path, setting: Setting, images_per_second: float) -> Row:
    """What a step launches and for how long, as a share of a step without the profiler, and waits of an epoch."""
    more = [f"depth={setting.depth}", f"trainer.accelerator={DEVICE}"]
    config = compose([*ours.overrides(root, setting.images, 2, setting.precision), *more])
    profiler = profile()

    def second_epoch(history: dict[str, list[float]]) -> None:
        if len(history["epoch"]) == 1:
            profiler.start()
        else:
            profiler.stop()

    with tempfile.TemporaryDirectory() as folder:
        fit(config, load(root / "prepared" / data.NAME), Path(folder) / "checkpoint", second_epoch)
    steps, events = -(-setting.images // BATCH_SIZE), profiler.events() or []  # type: ignore[no-untyped-call]
    on_device = [e for e in events if e.device_type.name == "CUDA" and not e.is_user_annotation]
    microseconds = sum(e.time_range.elapsed_us() for e in on_device) / steps
    waits = sum(e.name in ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize") for e in events)
    busy = microseconds * images_per_second / BATCH_SIZE / 1e6
    found = {"launches a step": len(on_device) / steps, "us a step": microseconds, "busy": busy}
    names = {"depth": setting.depth, "precision": PRECISIONS[setting.precision]}
    return names | _rounded(found) | {"steps an epoch": steps, "waits an epoch": waits}


def crowd(root: Path, setting: Setting, count: int, with_mps: bool) -> Row:
    """Images per second of so many workers together, and the memory of the device that each holds at the end."""
    context, before = multiprocessing.get_context("spawn"), _used()
    barrier = context.Barrier(count, timeout=120)
    row: Row = {"workers": count, "depth": setting.depth, "MPS": with_mps}
    try:
        with (
            _mps() if with_mps else nullcontext(),
            ProcessPoolExecutor(count, context, initializer=_join, initargs=(barrier,)) as pool,
        ):
            found = [each.result() for each in [pool.submit(_work, root, setting) for _ in range(count)]]
    except Exception as error:
        return row | {"error": one_line(error)}
    speed, used = zip(*found, strict=True)
    return row | _rounded({"images per second": sum(speed), "MB a worker": (max(used) - before) / count / 1e6})


def _join(barrier: Barrier) -> None:
    global _together
    _together = barrier


def _work(root: Path, setting: Setting) -> tuple[float, int]:
    ours.measure(replace(setting, images=2 * BATCH_SIZE, epochs=1), root)
    _together.wait()
    speed = ours.measure(setting, root).images_per_second
    _together.wait()
    used = _used()
    # all are there until all have looked
    _together.wait()
    return speed, used


def _used() -> int:
    if DEVICE == "cpu":
        return 0
    free, total = torch.cuda.mem_get_info()
    return total - free


@contextmanager
def _mps() -> Iterator[None]:
    """NVIDIA's multi-process service, with which kernels of several processes run at the same time."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        try:
            subprocess.run([MPS, "-d"], check=True)
            yield
        finally:
            subprocess.run([MPS], input="quit\n", text=True)
            del os.environ["CUDA_MPS_PIPE_DIRECTORY"], os.environ["CUDA_MPS_LOG_DIRECTORY"]


def _rounded(values: Row) -> Row:
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def measure(root: Path, tiny: bool) -> Row:
    """Measure everything; the content of gpu.json."""
    from whyrelu.timing.machine import facts

    begun, size = time.monotonic(), TINY if tiny else FULL
    data.make(root, size["made"])
    commands.timed([sys.executable, "src/prepare.py", *data.overrides(root)])
    precisions, depths = ("32-true", "bf16-mixed"), size["depths"]
    basic = Setting(depths[len(depths) // 2], images=size["images"], epochs=size["epochs"], device=DEVICE)
    found: Row = {"machine": facts(torch.device(DEVICE), threads=1), "tiny": tiny, "workers": []}
    found["repeats"] = [repeats(root, precision, basic.depth) for precision in precisions]
    found["accuracy"] = list(accuracies(root, TINY_STUDY if tiny else STUDY))
    settings = [replace(basic, depth=depth, precision=precision) for depth in depths for precision in precisions]
    found["speed"] = [speeds(root, setting, size["times"]) for setting in settings]
    own = [row["ours"] for row in found["speed"]]
    found["launches"] = [launches(root, setting, speed) for setting, speed in zip(settings, own, strict=True)]
    for with_mps in (False, True) if DEVICE == "cuda" and shutil.which(MPS) else (False,):
        for count in size["workers"]:
            if time.monotonic() - begun < LATEST:
                found["workers"].append(crowd(root, basic, count, with_mps))
    return found | {"seconds": round(time.monotonic() - begun)}


def main() -> None:
    """Measure, and write what was found; bits that differ are an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="to test the measurement, where its numbers do not count")
    tiny = parser.parse_args().tiny
    if DEVICE == "cpu" and not tiny:
        parser.error("there is no CUDA GPU here: --tiny tests this on a CPU")
    results, report = (ROOT / ("build" if tiny else folder) / "benchmark" for folder in ("results", "reports"))
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), tiny)
    (results / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    print(section := rendered("gpu.md.jinja", gpu=found))
    if tiny:
        (report / "gpu.md").write_text(section)
    else:
        write_page(results / "benchmark.json", report)
    if not all(row["same again"] and row["same resumed"] for row in found["repeats"]):
        sys.exit("error: a run does not repeat itself bit by bit")


if __name__ == "__main__":
    main()
