"""Folders of runs that never took place, true to those that the code writes: templates trained for it, numbers varied.

One run is trained for real per depth and per kind of activation on a few images; every planned run of a grid then gets
a copy of the template of its depth with its own identity, configuration, history, metrics and diagnostics.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyrelu.runs.identity import factors
from whyrelu.runs.plan import PlannedRun, plan
from whyrelu.runs.store import LAYERS, RECORD, Record, RunStore, sealed

SOURCE = Path(__file__).resolve().parents[1] / "src"
# A small network on a few images: what is written of it has the same form as of a large one.
_TEMPLATE_SETTINGS = ("seed=0", "width=4", "data.train_size=100", "run_root=templates", "mlflow.tracking_uri=null")
_TEMPLATE_ACTIVATIONS = ("relu", "sigmoid")
# Runs that a process writes before it takes the next.
_PORTION = 500

Template = tuple[Record, NDArray[np.float64]]


def script(name: str, *arguments: str) -> list[str]:
    """The command that runs a script of src/."""
    return [sys.executable, str(SOURCE / f"{name}.py"), *arguments]


def train_templates(project: Path, experiment: str, depths: Sequence[int]) -> dict[tuple[str, int], Template]:
    """Train the templates in a folder, unless they are there; by activation and depth.

    Args:
        project: where commands are run.
        experiment: whose settings the runs have, but for what makes them small.
        depths: of the grid that is to be simulated.
    """
    grid = [f"activation={','.join(_TEMPLATE_ACTIVATIONS)}", f"depth={','.join(map(str, depths))}", "lr=0.05"]
    settings = [f"experiment={experiment}", *grid, *_TEMPLATE_SETTINGS]
    subprocess.run(script("train", "-m", *settings), cwd=project, check=True, stdout=subprocess.DEVNULL)
    store = RunStore(project / "templates")
    templates: dict[tuple[str, int], Template] = {}
    for record in store.records():
        layers = store.layers(record)
        assert layers is not None
        templates[record["factors"]["activation"], record["factors"]["depth"]] = record, layers
    return templates


def simulate(project: Path, overrides: Sequence[str], templates: dict[tuple[str, int], Template]) -> int:
    """Write the folders of all runs of a grid, on all cores; return how many there are.

    The working directory is the project's folder, where the grid's data is prepared.
    """
    runs = plan(overrides)
    portions = [runs[i : i + _PORTION] for i in range(0, len(runs), _PORTION)]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(_write_all, [project] * len(portions), portions, [templates] * len(portions)):
            pass
    return len(runs)


def _write_all(project: Path, runs: Sequence[PlannedRun], templates: dict[tuple[str, int], Template]) -> None:
    for run in runs:
        record, layers = varied(run, templates)
        folder = project / "runs" / run.run_id
        folder.mkdir(parents=True)
        buffer = io.BytesIO()
        np.save(buffer, layers, allow_pickle=False)
        record["diagnostics"]["sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
        (folder / LAYERS).write_bytes(buffer.getvalue())
        # as `RunStore.write` does it, but without waiting for the disk a hundred thousand times
        (folder / RECORD).write_bytes(sealed(record))


def varied(run: PlannedRun, templates: dict[tuple[str, int], Template]) -> Template:
    """What a run might have found: that of its template, with other digits everywhere.

    Activations that saturate are like sigmoid, all others like relu.
    """
    config = run.config
    kind = "sigmoid" if "sigmoid" in config["activation"]["name"] else "relu"
    record, layers = templates[kind, config["depth"]]
    rng = np.random.default_rng(int(run.run_id, 16))
    accuracy = {"test_accuracy", "val_accuracy", "train_accuracy"}

    def near(name: str, value: Any) -> Any:
        if not isinstance(value, float):
            return value
        moved = value * (1 + 0.03 * rng.standard_normal())
        return min(moved, 1.0) if name in accuracy else moved

    metrics = {name: near(name, value) for name, value in record["metrics"].items()}
    history = {
        name: values if name == "epoch" else [near(name, value) for value in values]
        for name, values in record["history"].items()
    }
    spectra = {
        epoch: {name: near(name, value) for name, value in found.items()}
        for epoch, found in record["diagnostics"]["spectra"].items()
    }
    changed = {
        **record,
        "run_id": run.run_id,
        "config": config,
        "factors": factors(config),
        "metrics": metrics,
        "history": history,
        "diagnostics": {**record["diagnostics"], "spectra": spectra},
    }
    return changed, layers * rng.uniform(0.9, 1.0, layers.shape)
