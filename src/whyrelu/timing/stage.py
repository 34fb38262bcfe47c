"""The whole measurement of a study, and timing.json.

timing.json holds facts of one machine at one time, and is kept apart from everything that must reproduce:

    {"study": its name,
     "settings": data, shape, width, batch_size, precision, model, optimizer, init and norm of the cell that stands for
         all, the first, and what was asked for (the group `timing`),
     "machine": `whyrelu.timing.machine.facts`,
     "load": {"others": processors that other processes kept busy meanwhile, "is_busy": whether too many},
     "seconds": that it all took,
     "left_out": in words, what would have taken too long,
     "op": [{"activation", "size" (elements), "pass": "forward" | "backward", "threads", "seconds": [of one tensor]}],
     "step": [{"activation", "depth", "width", "kind": "train" | "inference", "threads", "seconds": [of one step]}]}

`seconds` of an entry has one number per process, the median over its rounds; those of the same position in two entries
were measured together. `op` and `step` are empty where nothing was asked for.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from whyrelu.config.grid import Run, one_per_cell
from whyrelu.data.arrays import load
from whyrelu.errors import UserError, notice
from whyrelu.files import write_bytes, write_json
from whyrelu.runs.plan import one_study, prepare_data
from whyrelu.timing.machine import facts
from whyrelu.timing.measurement import Task

_BUSY = 0.25  # processors that others keep busy


def time_runs(runs: Sequence[Run]) -> str:
    """Time the study of a grid and write results/<study>/timing.json; a line about it."""
    configs = [run.config for run in one_per_cell(runs)]
    study = one_study(configs)
    prepare_data(configs)
    timing = time_study(configs)
    path = Path("results") / study / "timing.json"
    write_timing(timing, path)
    # unlike timing.json it is not committed: a fresh clone is another machine, and DVC measures there
    write_json(timing["machine"], Path(configs[0]["prepared_root"]) / f"{study}-timing.json")
    for what in timing["left_out"]:
        print(f"left out, as it would take too long: {what}")
    return f"{len(timing['op']) + len(timing['step'])} times, {timing['seconds']:.0f} s -> {path}"


def time_study(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Measure: the content of timing.json, of configurations whose data is prepared."""
    psutil.cpu_percent()
    begun, used, config = time.time(), sum(os.times()[:4]), configs[0]
    asked, trainer = config["timing"], config["trainer"]
    device = torch.device(trainer["accelerator"])
    if device.type != "cpu" and not torch.cuda.is_available():
        raise UserError(f"trainer.accelerator={device.type} cannot be used on this machine; trainer=cpu can")
    arrays = load(Path(config["prepared_root"]) / config["data"]["name"])
    shape, classes = list(arrays.train_images.shape[1:]), len(arrays.classes)
    activations, depths = named_activations(configs), sorted({own["depth"] for own in configs})
    found = []
    processes = asked["processes"] if asked["seconds"] else 0
    for i in range(processes):
        print(f"timing, process {i + 1} of {processes}", flush=True)
        share = (begun + asked["seconds"] - time.time()) / (processes - i)
        found.append(_in_a_process(Task(config, activations, depths, shape, classes, time.time() + share, seed=i)))
    # of all processors since the first call, less those of this process and its children
    busy = psutil.cpu_count() * psutil.cpu_percent() / 100
    others = max(0.0, busy - (sum(os.times()[:4]) - used) / (time.time() - begun))
    if is_busy := processes > 0 and others > _BUSY:
        notice(f"warning: other processes kept {others:.1f} processors busy; times may be too long, and vary")
    entries = _together([own["entries"] for own in found])
    groups = ("data", "model", "optimizer", "init", "norm")
    settings = {name: config[name]["name"] for name in groups} | {"shape": shape}
    return {
        "study": config["study"],
        "settings": settings | {name: config[name] for name in ("width", "batch_size", "precision", "timing")},
        "machine": facts(device, trainer["threads"]),
        "load": {"others": round(others, 2), "is_busy": is_busy},
        "seconds": round(time.time() - begun, 1),
        "left_out": list(dict.fromkeys(what for own in found for what in own["left_out"])),
        "op": [entry for entry in entries if "pass" in entry],
        "step": [entry for entry in entries if "kind" in entry],
    }


def named_activations(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The distinct activations of a study by name; of one name with several arguments, by name and arguments."""
    distinct = {json.dumps(config["activation"]): config["activation"] for config in configs}
    names = [own["name"] for own in distinct.values()]
    found = {}
    for own in distinct.values():
        arguments = ", ".join(f"{key}={value}" for key, value in own.items() if key not in ("name", "_target_"))
        found[own["name"] if names.count(own["name"]) == 1 else f"{own['name']}({arguments})"] = own
    return found


def write_timing(timing: Mapping[str, Any], path: Path) -> None:
    """Write timing.json, an entry a line."""
    lines = []
    for name, value in timing.items():
        text = json.dumps(value, allow_nan=False)
        if name in ("op", "step"):
            text = "[\n" + ",\n".join(f"    {json.dumps(entry, allow_nan=False)}" for entry in value) + "\n  ]"
        lines.append(f"  {json.dumps(name)}: {text}")
    write_bytes(("{\n" + ",\n".join(lines) + "\n}\n").encode(), path)


def _in_a_process(task: Task) -> dict[str, Any]:
    """What `measure` returns, in a process of its own, which finds modules where this one does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "whyrelu.timing.measurement"]
    done = subprocess.run(command, input=json.dumps(task._asdict()), capture_output=True, text=True, env=environment)
    if done.returncode:
        message = done.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
        raise UserError(f"timing failed: {message or f'its process ended with code {done.returncode}'}")
    # whatever a module of one's own prints comes before
    return dict(json.loads(done.stdout.strip().rpartition("\n")[2]))


def _together(parts: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The entries that all processes have, in the order of the first, with the seconds of each process."""
    seconds: dict[str, list[float]] = {}
    for entry in (entry for part in parts for entry in part):
        what = json.dumps({name: value for name, value in entry.items() if name != "seconds"})
        seconds.setdefault(what, []).append(entry["seconds"])
    return [json.loads(what) | {"seconds": own} for what, own in seconds.items() if len(own) == len(parts)]
