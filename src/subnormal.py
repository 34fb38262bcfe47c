"""What subnormal numbers cost: training steps with them, and with `torch.set_flush_denormal` without.

Numbers below 2^-126 are stored in float32 with fewer digits, and many processors compute on them several times slower.
A gradient that shrinks layer by layer gets there if the network is deep enough. Writes results/subnormal.json and
reports/figures/subnormal.svg; nothing else should run meanwhile:
  python src/subnormal.py
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
import torch
from matplotlib.figure import Figure
from torch.utils.benchmark import Timer

from whyrelu.commandline import reporting_errors
from whyrelu.config.grid import compose
from whyrelu.files import write_bytes, write_json
from whyrelu.timing.machine import facts
from whyrelu.timing.measurement import Task, TimedNetwork

ACTIVATIONS = {"relu": "#0072B2", "sigmoid": "#D55E00"}
DEPTHS = (4, 16, 32, 64)
PROCESSES = 5
# Of the digits.
SHAPE, CLASSES = (8, 8, 1), 10
# What a child is given.
ONE = "--one"


def measured() -> list[dict[str, Any]]:
    """Seconds of a training step of each network, initialised as PyTorch does, and the share of subnormal gradients."""
    found = []
    for activation, depth, flushed in itertools.product(ACTIVATIONS, DEPTHS, (False, True)):
        # the switch belongs to a thread, so there is only one
        torch.set_flush_denormal(flushed)
        config = compose([f"activation={activation}", "init=pytorch", "norm=none", "optimizer=sgd"])
        task = Task(config, {activation: config["activation"]}, (depth,), SHAPE, CLASSES, until=0.0, seed=0)
        entry = {"activation": activation, "depth": depth, "flushed": flushed}
        network = TimedNetwork(task, entry | {"width": config["width"], "kind": "train"})
        timer = Timer("step()", globals={"step": network.train}, num_threads=1)
        seconds = timer.blocked_autorange(min_run_time=0.5).median
        gradients = torch.cat([p.grad.flatten() for p in network.network.parameters() if p.grad is not None])
        # compared as integers, which no switch flushes: the exponent of a subnormal number is 0
        bits = gradients.view(torch.int32) & 0x7FFFFFFF
        share = float(((bits > 0) & (bits < 0x00800000)).double().mean())
        found.append(entry | {"subnormal": round(share, 4), "seconds": float(f"{seconds:.5g}")})
    return found


def ratios(rows: Sequence[Mapping[str, Any]], activation: str, depth: int) -> list[float]:
    """Of a step with subnormal numbers to one without, one per process."""
    kept, flushed = (
        next(row["seconds"] for row in rows if (row["activation"], row["depth"], row["flushed"]) == key)
        for key in ((activation, depth, False), (activation, depth, True))
    )
    return [first / second for first, second in zip(kept, flushed, strict=True)]


def drawn(rows: Sequence[Mapping[str, Any]], processor: str) -> bytes:
    """The figure as SVG: processes as points, their medians as lines."""
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "subnormal"}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        axes = figure.subplots()
        for activation, colour in ACTIVATIONS.items():
            found = [ratios(rows, activation, depth) for depth in DEPTHS]
            axes.plot(DEPTHS, [median(own) for own in found], color=colour, label=activation)
            axes.plot(DEPTHS, found, "o", color=colour, markersize=3)
        deepest = median(ratios(rows, "sigmoid", DEPTHS[-1]))
        title = f"With subnormal gradients a step of {DEPTHS[-1]} sigmoid layers takes {deepest:.1f} times as long"
        if deepest < 1.1:
            title = f"On this processor subnormal gradients of {DEPTHS[-1]} sigmoid layers cost next to nothing"
        axes.set(
            title=title, xlabel=f"depth, on {processor}", ylabel="time with / without", xticks=DEPTHS, ylim=(0, None)
        )
        axes.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return buffer.getvalue()


def main() -> None:
    """Measure in processes of their own, one after the other, and write what comes out."""
    begun, command = time.monotonic(), [sys.executable, __file__, ONE]
    processes = [
        json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) for _ in range(PROCESSES)
    ]
    rows = [own[0] | {"seconds": [row["seconds"] for row in own]} for own in zip(*processes, strict=True)]
    machine, seconds = facts(torch.device("cpu"), threads=1), round(time.monotonic() - begun)
    write_json({"machine": machine, "seconds": seconds, "steps": rows}, Path("results/subnormal.json"))
    write_bytes(drawn(rows, machine["cpu"]), Path("reports/figures/subnormal.svg"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(ONE, action="store_true", help="measure once in this process, and print it")
    with reporting_errors():
        if parser.parse_args().one:
            print(json.dumps(measured()))
        else:
            main()
