"""Results of a benchmark that nobody ran, with known ratios."""

from benchmarks.breakdown_kinds import ALL
from benchmarks.setting import grid

SPEEDS = {
    ("ours", "32-true"): 190.0,
    ("bare", "32-true"): 200.0,
    ("template", "32-true"): 100.0,
    ("ours", "bf16-mixed"): 300.0,
    ("bare", "bf16-mixed"): 310.0,
    ("template", "bf16-mixed"): 150.0,
}
SECONDS = {
    ("ours", "32-true"): 40.0,
    ("template", "32-true"): 100.0,
    ("ours", "bf16-mixed"): 20.0,
    ("template", "bf16-mixed"): 70.0,
}


def results():
    """Everything that benchmarks/run.py measures."""
    return {
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "flags": ["avx2"],
            "memory_gib": 8.0,
            "system": "Linux x86_64",
            "python": "3.11.7",
            "libraries": {"torch": "2.14.1"},
        },
        "measured": {
            part: {
                "started": "2026-01-01T00:00:00+00:00",
                "cpu": "a processor",
                "load": 0.01,
                "git_commit": "0123456789abcdef",
                "git_dirty": part == "sweep",
            }
            for part in ("throughput", "sweep")
        },
        "throughput": throughput(),
        "sweep": [
            {
                "implementation": implementation,
                "precision": precision,
                "repetition": repetition,
                "epochs": 2,
                "images": 2560,
                "seconds": seconds + repetition,
                "training_seconds": 60.0 if implementation == "ours" else None,
            }
            for (implementation, precision), seconds in SECONDS.items()
            for repetition in range(3)
        ],
        "peak": {
            "multiplication": [
                {"threads": 1, "precision": precision, "size": size, "flops_per_second": 1e9 * size}
                for precision in ("32-true", "bf16-mixed")
                for size in (10, 20)
            ],
            "training": [{"depth": depth, "flops_per_sample": 1e6 * depth} for depth in (4, 8, 16)],
        },
        "breakdown": [
            {
                "depth": depth,
                "precision": precision,
                "threads": 1,
                "steps": 10,
                "seconds": float(len(ALL)),
                "kinds": dict.fromkeys(ALL, 1.0),
            }
            for depth in (4, 8, 16)
            for precision in ("32-true", "bf16-mixed")
        ],
        "startup": [
            {"name": "help", "command": "python src/train.py --help", "seconds": [1.0, 1.5, 3.0], "reason": None},
            {"name": "repro", "command": "dvc repro", "seconds": [], "reason": "not up to date"},
        ],
        "overhead": {
            "warm": [{"runs": 9, "workers": 2, "training": 1.0, "inside": 0.1, "cycle": 0.4}],
            "diagnostics": [{"depth": 4, "off": 2.0, "full": 3.0}],
        },
    }


def throughput(noise=(1.0, 1.1, 0.9)):
    """Rows of which each repetition is faster or slower as a whole, as on a machine whose clock changes."""
    return [
        {
            "implementation": implementation,
            "repetition": repetition,
            **setting.as_dict(),
            "samples_per_second": factor * SPEEDS[implementation, setting.precision],
        }
        for setting in grid((4, 8, 16), ("32-true", "bf16-mixed"), (1,))
        for repetition, factor in enumerate(noise)
        for implementation in ("ours", "bare", "template")
    ]
