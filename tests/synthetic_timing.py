"""Times that nobody took, in the form of timing.json."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def make_timing(
    ratios: Mapping[str, float],
    depths: Sequence[int] = (2, 4),
    widths: Sequence[int] = (16, 32, 64),
    sizes: Sequence[int] = (4096, 65536),
    threads: Sequence[int] = (1,),
    blocks: int = 12,
    noise: float = 0.01,
    growth: float = 0.02,
    further: Sequence[str] = (),
    subnormal: bool = True,
    **changed: Any,
) -> dict[str, Any]:
    """timing.json.

    Args:
        ratios: time of each activation relative to that of the first, the same for everything that is timed.
        depths: of nets of the first width; the other widths are timed at the first depth.
        widths: ascending.
        sizes: of tensors.
        threads: a whole set of times for each.
        blocks: of every measurement.
        noise: standard deviation of the logarithm of a time.
        growth: of the activation's share per doubling of width.
        further: activations that are timed elementwise only.
        subnormal: whether steps with subnormal numbers were timed.
        changed: keys of the file that are not as usual.
    """
    rng = np.random.default_rng(1)
    # what the machine does at the time of each block
    weather = rng.uniform(0.9, 1.1, blocks)

    def seconds(base: float) -> list[float]:
        return (base * weather * np.exp(noise * rng.standard_normal(blocks))).tolist()

    op = [
        {"activation": name, "size": size, "pass": way, "threads": count, "seconds": seconds(1e-10 * size * ratio)}
        for count in threads
        for name, ratio in (ratios | dict.fromkeys(further, 2.0)).items()
        for size in sizes
        for way in ("forward", "backward")
    ]
    places = list(dict.fromkeys([*((depth, widths[0]) for depth in depths), *((depths[0], w) for w in widths)]))
    step = []
    for count, (name, ratio), (depth, width) in itertools.product(threads, ratios.items(), places):
        doublings = np.log2(width / widths[0])
        share = 0.1 + growth * doublings + noise / 2 * rng.standard_normal(blocks)
        for kind, base in (("train", 1e-3), ("inference", 3e-4)):
            step.append(
                {
                    "activation": name,
                    "depth": depth,
                    "width": width,
                    "kind": kind,
                    "threads": count,
                    "activation_share": share.tolist(),
                    "seconds": seconds(base * depth * ratio / count),
                }
            )
    entries = [
        {
            "activation": name,
            "depth": depth,
            "width": widths[0],
            "flush": flush,
            "gradients": 0.0 if flush else 0.25,
            "state": 0.0 if flush else 0.5,
            "seconds": seconds(1e-3 if flush else 3e-3),
        }
        for name in ("relu", "sigmoid")
        for depth in (16, 64)
        for flush in (False, True)
    ]
    timing = {
        "study": "synthetic",
        "facet": "",
        "settings": {
            "data": "digits",
            "shape": [8, 8, 1],
            "width": widths[0],
            "batch_size": 64,
            "precision": "32-true",
            "model": "cnn",
            "optimizer": "sgd",
            "init": "critical",
            "norm": "none",
            "timing": {"name": "full", "seconds": 70},
        },
        "machine": {
            "cpu": "a processor",
            "instructions": "AVX2",
            "cores": 2,
            "caches": {"L1 data": "48K", "L2": "2048K"},
            "device": "cpu",
            "device_name": None,
            "threads": threads[0],
            "python": "3.12.1",
            "libraries": {"torch": "2.14.1", "numpy": "2.0.0"},
        },
        "load": {
            "average_before": 0.5,
            "average_after": 0.9,
            "others_before": 0.01,
            "others_meanwhile": 0.02,
            "is_busy": False,
        },
        "flushed_share": {"1": 1.0, "2": 0.5},
        "seconds": 71.0,
        "left_out": [],
        "op": op,
        "step": step,
        "subnormal": entries if subnormal else [],
    }
    return timing | changed
