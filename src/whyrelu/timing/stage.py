"""The whole measurement of a study, and timing.json.

timing.json holds facts of one machine at one time, and is kept apart from everything that must reproduce:

    {"study": its name,
     "facet": what is the same in all nets, if the study has several such settings,
     "settings": batch_size, shape, precision, optimizer, init, norm and what was asked for (the group `timing`),
     "machine": `whyrelu.timing.machine.facts`, and "keeps_freed_memory": whether the C library could be told to,
     "load": what else the machine did before and meanwhile,
     "flushed_share": of subnormal numbers that `torch.set_flush_denormal` flushes here, with one thread and with all,
     "seconds": that it all took,
     "left_out": in words, what would have taken too long,
     "op": [{"activation", "size" (elements), "pass": "forward" | "backward", "threads", "seconds": [per block]}],
     "step": [{"activation", "depth", "width", "kind": "train" | "inference", "threads",
               "activation_share": [fraction of a step, per block] or null, "seconds": [per block, of one step]}],
     "subnormal": [{"activation", "depth", "width", "flush",
                    "gradients", "state" (shares of subnormal numbers; null if the optimizer has no state),
                    "seconds": [per block, of one training step]}]}

Blocks with the same position in entries of one size and pass, or depth, width and kind, were timed directly after one
another; dear ones have fewer blocks than others. Of `op`, that holds among the study's own activations and among all
others.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from whyrelu.config.grid import Run, one_per_cell
from whyrelu.data.arrays import Arrays, load
from whyrelu.data.batches import Images, channel_statistics
from whyrelu.files import write_bytes, write_json
from whyrelu.network.activations import activation_factory
from whyrelu.runs.plan import one_study, prepare_data
from whyrelu.statistics.summaries import seed_of
from whyrelu.timing.blocks import Budget
from whyrelu.timing.device import activation_type, device_of, parameter_type
from whyrelu.timing.machine import (
    BUSY,
    available_cores,
    facts,
    load_average,
    others_between,
    use_now,
    wait_for_calm,
)
from whyrelu.timing.operations import Operations, time_operations
from whyrelu.timing.plan import Config, Plan, plan_timing
from whyrelu.timing.steps import Batches, Steps, time_steps
from whyrelu.timing.subnormal import can_flush, flushed_share, time_subnormal
from whyrelu.training.freed_memory import keep_freed_memory

# How the seconds are shared out.
_WEIGHTS = {"operations": 0.28, "depths": 0.23, "widths": 0.32, "subnormal": 0.17}
# Batches that are on the device; training goes through them in turn.
_BATCHES = 8
# Numbers of timing.json have so many significant digits.
_DIGITS = 5

Say = Callable[[str], None]


def time_runs(runs: Sequence[Run]) -> str:
    """Time the study of a grid, say what is going on, and write results/<study>/timing.json; a line about it."""
    configs = [run.config for run in one_per_cell(runs)]
    study = one_study(configs)
    prepare_data(configs)
    say = functools.partial(print, flush=True)
    timing = time_study(configs, say)
    path = Path("results") / study / "timing.json"
    write_timing(timing, path)
    # unlike timing.json it is not committed: a fresh clone is another machine, and DVC measures there
    write_json(timing["machine"], Path(configs[0]["prepared_root"]) / f"{study}-timing.json")
    for what in timing["left_out"]:
        say(f"left out, as it would take too long: {what}")
    count = sum(len(timing[kind]) for kind in ("op", "step", "subnormal"))
    return f"{count} times, {timing['seconds']:.0f} s -> {path}"


def time_study(configs: Sequence[Config], say: Say) -> dict[str, Any]:
    """Measure: the content of timing.json, of configurations whose data is prepared."""
    begun = time.perf_counter()
    plan = plan_timing(configs)
    config, threads = plan.config, int(plan.config["trainer"]["threads"])
    device = device_of(config["trainer"]["accelerator"])
    arrays = load(Path(config["prepared_root"]) / config["data"]["name"])
    # as training does, whose steps are timed
    keeps = keep_freed_memory()
    with _pinned(threads):
        average, others = load_average(), wait_for_calm(config["timing"]["wait"])
        _warn(others, "before", say)
        before = use_now()
        measured = _measured(plan, arrays, device, say)
        meanwhile = others_between(before, use_now())
        _warn(meanwhile, "meanwhile", say)
    return {
        "study": config["study"],
        "facet": plan.facet,
        "settings": _settings(config, arrays),
        "machine": {**facts(device, threads), "keeps_freed_memory": keeps},
        "load": {
            "average_before": average,
            "average_after": load_average(),
            "others_before": others,
            "others_meanwhile": meanwhile,
            "is_busy": any(value is not None and value > BUSY for value in (others, meanwhile)),
        },
        "seconds": time.perf_counter() - begun,
        **measured,
    }


def _measured(plan: Plan, arrays: Arrays, device: torch.device, say: Say) -> dict[str, Any]:
    """All parts, one after the other, within the seconds that there are."""
    config, settings = plan.config, plan.config["timing"]
    rng = np.random.default_rng(seed_of(f"timing of {config['study']}"))
    steps = Steps(_batches(config, arrays, device), len(arrays.classes), settings["blocks"], settings["sample"], rng)
    operations = Operations(
        {name: activation_factory(own) for name, own in plan.activations.items()},
        {name: activation_factory(own) for name, own in plan.others.items()},
        settings["sizes"],
        device,
        activation_type(config["precision"]),
        int(config["trainer"]["threads"]),
        settings["sample"] / 2,
    )
    budget = Budget(settings["seconds"], _WEIGHTS)
    say(f"timing {len(plan.activations) + len(plan.others)} activations elementwise")
    op = time_operations(operations, budget.begin("operations"), settings["blocks"], rng)
    say(f"timing steps of {sum(len(place.configs) for place in plan.depths)} nets")
    step, _ = time_steps(steps, plan.depths, budget.begin("depths"))
    say(f"timing steps of {sum(len(place.configs) for place in plan.widths)} nets of other widths")
    wide, left_out = time_steps(steps, plan.widths, budget.begin("widths"), may_leave_out=True)
    subnormal: list[dict[str, Any]] = []
    shares: dict[str, float] = {}
    if device.type == "cpu" and can_flush():
        say("timing steps with subnormal numbers")
        shares = {str(count): flushed_share(count) for count in sorted({1, available_cores()})}
        with _pinned(1):
            subnormal, too_deep = time_subnormal(steps, plan.vanishing, budget.begin("subnormal"))
        left_out += too_deep
    return {
        "flushed_share": shares,
        "left_out": left_out,
        "op": op,
        "step": [*step, *wide],
        "subnormal": subnormal,
    }


def write_timing(timing: Mapping[str, Any], path: Path) -> None:
    """Write timing.json, an entry a line."""
    lines = []
    for name, value in _rounded(timing).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            entries = ",\n".join(f"    {json.dumps(entry, allow_nan=False)}" for entry in value)
            lines.append(f"  {json.dumps(name)}: [\n{entries}\n  ]")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}")
    write_bytes(("{\n" + ",\n".join(lines) + "\n}\n").encode(), path)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(own) for key, own in value.items()}
    if isinstance(value, list):
        return [_rounded(own) for own in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _settings(config: Config, arrays: Arrays) -> dict[str, Any]:
    named = {name: config[name]["name"] for name in ("model", "optimizer", "init", "norm")}
    asked = dict(config["timing"])
    return {
        "data": config["data"]["name"],
        "shape": list(arrays.train_images.shape[1:]),
        "width": config["width"],
        "batch_size": config["batch_size"],
        "precision": config["precision"],
        **named,
        "timing": asked,
    }


def _batches(config: Config, arrays: Arrays, device: torch.device) -> Batches:
    """The first training images in batches on the device, normalised, unchanged by augmentation."""
    size = min(config["batch_size"], len(arrays.train_labels))
    rows = np.arange(min(size * _BATCHES, len(arrays.train_labels)))
    images = Images(
        arrays.train_images, arrays.train_labels, rows, *channel_statistics(arrays.train_images, rows), device
    )
    # so that nets share them; one of another precision casts its own
    dtype = parameter_type(config["precision"])
    batches = []
    for start in range(0, len(rows) - size + 1, size):
        pixels, labels = images.batch(torch.arange(start, start + size, device=device))
        batches.append((pixels.to(dtype), labels))
    return batches


@contextmanager
def _pinned(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _warn(others: float | None, when: str, say: Say) -> None:
    if others is not None and others > BUSY:
        say(f"warning: other processes kept {others:.1f} processors busy {when}; times may be too long, and vary")
