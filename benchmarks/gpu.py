"""What whyrelu does on a GPU: whether runs repeat, accuracy beside the CPU's, throughput, kernels and many workers.

python benchmarks/gpu.py           on a CUDA GPU, at most eight minutes: results/benchmark/gpu.json, and the page
python benchmarks/gpu.py --tiny    all of it, but small, and on a CPU where there is no GPU, into build/benchmark
"""

import argparse
import json
import math
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.profiler import profile

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import commands, data, ours, throughput  # noqa: E402
from benchmarks.report import PRECISIONS, rendered, write_page  # noqa: E402
from benchmarks.setting import BATCH_SIZE, Setting  # noqa: E402
from whyrelu.config.grid import compose  # noqa: E402
from whyrelu.data.arrays import load  # noqa: E402
from whyrelu.errors import one_line  # noqa: E402
from whyrelu.runs.provenance import provenance  # noqa: E402
from whyrelu.training.fit import Result, fit  # noqa: E402
from whyrelu.training.process import set_fp32  # noqa: E402

Row = dict[str, Any]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FULL: Row = {"made": 7040, "images": 5120, "epochs": 10, "depths": (4, 8, 16), "workers": (1, 4, 16), "repetitions": 3}
TINY: Row = {"made": 1600, "images": 256, "epochs": 2, "depths": (1,), "workers": (1, 2), "repetitions": 1}
STUDY = ["activation=relu,sigmoid", "depth=4,8", "seed=range(0,5)", "hydra.launcher.n_jobs=4"]
TINY_STUDY = ["activation=relu,sigmoid", "depth=1", "trainer.max_epochs=1", "hydra.launcher.n_jobs=2"]
# Seconds after which nothing more is begun.
LATEST = 420
MPS = "nvidia-cuda-mps-control"
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
# Where workers that train at the same time meet; each process has its own.
_barrier: Barrier


class Interrupted(Exception):
    """What ends a run before its time."""


class Measured:
    """What was found so far, in a file after each row; a measurement that fails leaves a row that says so."""

    def __init__(self, path: Path, tiny: bool) -> None:
        self._path, self._begun = path, time.monotonic()
        name = torch.cuda.get_device_name() if DEVICE == "cuda" else provenance()["cpu"]
        self.found: Row = provenance() | {"device": name, "has_mps": shutil.which(MPS) is not None, "tiny": tiny}

    def add(self, part: str, names: Mapping[str, Any], measurement: Callable[..., Row], *arguments: Any) -> Row:
        """Add a row to a part: its names, and what the measurement gives; return it."""
        found: Row = {"error": "no time was left"}
        if time.monotonic() - self._begun < LATEST:
            try:
                found = measurement(*arguments)
            except Exception as error:
                found = {"error": one_line(error)}
        row = {key: float(f"{x:.4g}") if isinstance(x, float) else x for key, x in {**names, **found}.items()}
        self.found.setdefault(part, []).append(row)
        self.found["seconds"] = round(time.monotonic() - self._begun)
        self._path.write_text(json.dumps(self.found, indent=1) + "\n")
        return row


def rounding_errors(precision: str) -> Row:
    """Relative errors of a convolution and a matrix product of float32: 1e-6 or less in fp32, about 1e-3 in TF32."""
    set_fp32(precision)
    draws = torch.Generator().manual_seed(0)
    shapes = (8, 64, 16, 16), (64, 64, 3, 3), (512, 512)
    images, kernel, matrix = (torch.randn(shape, generator=draws, dtype=torch.float64) for shape in shapes)
    found = {}
    for name, function, first, second in (
        ("convolution", functional.conv2d, images, kernel),
        ("matrix product", torch.mm, matrix, matrix),
    ):
        exact, own = function(first, second), function(first.float().to(DEVICE), second.float().to(DEVICE)).cpu()
        found[name] = float((own - exact).norm() / exact.norm())
    return found


def repetition(root: Path, precision: str, depth: int) -> Row:
    """Whether a run gives the same bits again, and when it is interrupted in its second epoch and resumed."""
    more = [f"depth={depth}", f"trainer.accelerator={DEVICE}", "trainer.checkpoint_seconds=0"]
    config = compose([*ours.overrides(root, 512, 3, precision, diagnostics="full"), *more])
    arrays = load(root / "prepared" / data.NAME)

    def interrupt(history: dict[str, list[float]]) -> None:
        if len(history["epoch"]) == 2:
            raise Interrupted

    with tempfile.TemporaryDirectory() as folder:
        first, again = (_bits(fit(config, arrays, Path(folder) / name)) for name in ("first", "again"))
        checkpoint = Path(folder) / "resumed"
        with suppress(Interrupted):
            fit(config, arrays, checkpoint, interrupt)
        assert checkpoint.exists(), "an interrupted run left no checkpoint"
        resumed = _bits(fit(config, arrays, checkpoint))
    return {"same bits on repeat": first == again, "same bits when resumed": first == resumed}


def _bits(result: Result) -> tuple[str, float, bytes]:
    assert result.findings is not None
    return repr(result.history), result.metrics["test_loss"], result.findings.layers.tobytes()


def accuracies(root: Path, study: Sequence[str], device: str, precision: str) -> Row:
    """Mean test accuracy of every cell of a small study on digits."""
    runs = root / f"{device}-{precision}"
    where = [f"trainer.accelerator={device}", f"precision={precision}", f"run_root='{runs}'"]
    more = [f"prepared_root='{root / 'digits'}'", "diagnostics=off", "mlflow.tracking_uri=null"]
    commands.timed([sys.executable, "src/train.py", "-m", *study, *where, *more])
    found: dict[str, list[float]] = {}
    for path in sorted(runs.glob("*/*/run.json")):
        record = json.loads(path.read_bytes())
        cell = f"{record['factors']['activation']}, depth {record['factors']['depth']}"
        found.setdefault(cell, []).append(record["metrics"]["test_accuracy"])
    return {"runs per cell": min(map(len, found.values()))} | {
        key: statistics.mean(each) for key, each in found.items()
    }


def speeds(root: Path, setting: Setting, pools: Mapping[str, ProcessPoolExecutor], repetitions: int) -> Row:
    """Images per second of whyrelu and of the bare loop, medians of a few."""
    found = {}
    for way, pool in pools.items():
        measured = [pool.submit(throughput.train, way, setting, root).result() for _ in range(repetitions)]
        found[way] = statistics.median(each.images_per_second for each in measured)
    return found | {"ratio": found["ours"] / found["bare"]}


def launches(root: Path, setting: Setting, images_per_second: float) -> Row:
    """What a step launches, for how long, as a share of a step without the profiler, and how often it waits.

    All is the difference between a long and a short epoch, so that evaluation and the profiler itself do not count.
    """
    many, few = setting.images, setting.images // 2
    totals = [np.array(tally(_events(root, replace(setting, images=images)))) for images in (many, few)]
    steps = math.ceil(many / BATCH_SIZE) - math.ceil(few / BATCH_SIZE)
    launched, microseconds, waits = ((totals[0] - totals[1]) / steps).tolist()
    busy = microseconds * images_per_second / BATCH_SIZE / 1e6
    return {"launches per step": launched, "µs per step": microseconds, "busy": busy, "waits per step": waits}


def _events(root: Path, setting: Setting) -> list[Any]:
    """What the profiler sees in the last of three epochs with its evaluation; no checkpoint is written in it."""
    more = [f"depth={setting.depth}", f"trainer.accelerator={DEVICE}", "trainer.checkpoint_seconds=1e6"]
    config = compose([*ours.overrides(root, setting.images, 3, setting.precision), *more])
    profiler = profile()

    def last_epoch(history: dict[str, list[float]]) -> None:
        if len(history["epoch"]) == 2:
            profiler.start()
        elif len(history["epoch"]) == 3:
            profiler.stop()

    with tempfile.TemporaryDirectory() as folder:
        fit(config, load(root / "prepared" / data.NAME), Path(folder) / "checkpoint", last_epoch)
    return list(profiler.events() or [])  # type: ignore[no-untyped-call]


def tally(events: Iterable[Any]) -> tuple[int, float, int]:
    """Launches on the GPU, microseconds that they take there, and waits for it."""
    on_device, waits = [], 0
    for event in events:
        if event.device_type.name == "CUDA" and not event.is_user_annotation:
            on_device.append(event.time_range.elapsed_us())
        waits += event.name in WAITS
    return len(on_device), sum(on_device), waits


def concurrent(root: Path, setting: Setting, count: int, with_mps: bool) -> Row:
    """Images per second of so many workers together, of the slowest times their number, and memory of the device."""
    context, before = multiprocessing.get_context("spawn"), _memory()[0]
    barrier = context.Barrier(count, timeout=60)
    with (
        _mps() if with_mps else nullcontext(),
        ProcessPoolExecutor(count, context, initializer=_join, initargs=(barrier,)) as pool,
    ):
        workers = [pool.submit(_work, root, setting) for _ in range(count)]
        errors = [error for worker in workers if (error := worker.exception()) is not None]
        # one that fails breaks the barrier of the others
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenBarrierError)):
            raise error
        speed, used, given_back = zip(*(worker.result() for worker in workers), strict=True)
    peak = (max(used) - before + sum(given_back)) / count / 1e6
    return {"images per second": count * min(speed), "peak MB per worker": peak}


def _join(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _work(root: Path, setting: Setting) -> tuple[float, int, int]:
    """Train with others; return images per second, and what _memory says at the end."""
    try:
        ours.measure(replace(setting, images=2 * BATCH_SIZE, epochs=1), root)
        _barrier.wait()
        speed = ours.measure(setting, root).images_per_second
        _barrier.wait()
        memory = _memory()
        # all are there until all have looked
        _barrier.wait()
    except Exception:
        _barrier.abort()
        raise
    return speed, *memory


def _memory() -> tuple[int, int]:
    """Bytes of the device in use by all processes, and those that this one has given back since its peak."""
    if DEVICE == "cpu":
        return 0, 0
    free, total = torch.cuda.mem_get_info()
    return total - free, torch.cuda.max_memory_reserved() - torch.cuda.memory_reserved()


@contextmanager
def _mps() -> Iterator[None]:
    """NVIDIA's multi-process service, with which kernels of several processes run at the same time."""

    def tell(command: str) -> str:
        return subprocess.run([MPS], input=f"{command}\n", text=True, capture_output=True, timeout=30).stdout.strip()

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        try:
            subprocess.run([MPS, "-d"], check=True, timeout=30)
            yield
            # without the daemon a process uses the GPU as always, and does not say so
            assert tell("get_server_list"), "no worker used MPS"
        finally:
            tell("quit")
            del os.environ["CUDA_MPS_PIPE_DIRECTORY"], os.environ["CUDA_MPS_LOG_DIRECTORY"]


def measure(root: Path, path: Path, tiny: bool) -> Row:
    """Measure everything; the content of gpu.json, which is written meanwhile."""
    size, measured = TINY if tiny else FULL, Measured(path, tiny)
    data.make(root, size["made"])
    commands.timed([sys.executable, "src/prepare.py", *data.overrides(root)])
    depths, repetitions = size["depths"], size["repetitions"]
    basic = Setting(depths[len(depths) // 2], images=size["images"], epochs=size["epochs"], device=DEVICE)
    for precision in ("32-true", "tf32"):
        measured.add("rounding", {"precision": PRECISIONS[precision]}, rounding_errors, precision)
    for precision in ("32-true", "bf16-mixed"):
        measured.add("repeats", {"precision": PRECISIONS[precision]}, repetition, root, precision, basic.depth)
    for device, precision in dict.fromkeys((("cpu", "32-true"), (DEVICE, "32-true"), (DEVICE, "bf16-mixed"))):
        names = {"device": device, "precision": PRECISIONS[precision]}
        measured.add("accuracy", names, accuracies, root, TINY_STUDY if tiny else STUDY, device, precision)
    with ExitStack() as stack:
        spawn = multiprocessing.get_context("spawn")
        pools = {way: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for way in ("ours", "bare")}
        for depth in depths:
            for precision in ("32-true", "bf16-mixed"):
                names = {"depth": depth, "precision": PRECISIONS[precision]}
                setting = replace(basic, depth=depth, precision=precision)
                row = measured.add("speed", names, speeds, root, setting, pools, repetitions)
                measured.add("launches", names, launches, root, setting, row.get("ours", math.nan))
    for count in size["workers"]:
        for with_mps in (False, True) if DEVICE == "cuda" and measured.found["has_mps"] else (False,):
            shared: Row = {"workers": count, "depth": basic.depth, "MPS": with_mps}
            measured.add("workers", shared, concurrent, root, basic, count, with_mps)
    return measured.found


def faults(found: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it must be: measurements that failed, bits that differ, and fp32 that is not fp32."""
    rows = [row for part in found.values() if isinstance(part, list) for row in part]
    yield from (row["error"] for row in rows if "error" in row)
    if not all(each for row in found["repeats"] for each in row.values()):
        yield "a run does not repeat itself bit by bit"
    if max(found["rounding"][0].get(name, 0.0) for name in ("convolution", "matrix product")) > 1e-5:
        yield "fp32 is not float32"


def main() -> None:
    """Measure, write what was found, and tell the first fault as an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="to test the measurement, where its numbers do not count")
    tiny = parser.parse_args().tiny
    if DEVICE == "cpu" and not tiny:
        parser.error("there is no CUDA GPU here: --tiny tests this on a CPU")
    results, report = (ROOT / ("build" if tiny else folder) / "benchmark" for folder in ("results", "reports"))
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), results / "gpu.json", tiny)
    print(rendered("gpu.md.jinja", gpu=found))
    if not tiny:
        write_page(results / "benchmark.json", report)
    for fault in faults(found):
        sys.exit(f"error: {fault}")


if __name__ == "__main__":
    main()
