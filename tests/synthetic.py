"""Records of runs that never took place, and studies made of them, for tests of what is made of records.

The numbers are made up and consistent: what theory says is lost decides what learns, and is what is measured.
"""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyrelu.files import write_json
from whyrelu.results.aggregation import provenance, write_tables
from whyrelu.results.columns import LAYER_COLUMNS, TUNING_COLUMNS
from whyrelu.results.files import write_csv, write_table
from whyrelu.results.study import Study
from whyrelu.results.tables import planned_cells, runs_table
from whyrelu.tuning.selection import choose

CLASSES = 10
STEPS = 19
_COLUMNS = [name for name in LAYER_COLUMNS if name not in ("run_id", "epoch", "layer", "exact")]
# What a layer multiplies the gradient by on the way back.
_FACTORS = {("relu", "xavier"): 0.7, ("tanh", "xavier"): 0.9, ("sigmoid", "xavier"): 0.25, ("sigmoid", "variance"): 0.4}


def write_study(
    folder: Path,
    name: str = "digits",
    activations: Sequence[str] = ("relu", "tanh", "sigmoid"),
    inits: Sequence[str] = ("xavier", "edge"),
    depths: Sequence[int] = (4, 8, 16),
    seeds: int = 6,
    axes: Mapping[str, Sequence[Any]] | None = None,
    timed: bool = True,
    **changed: Any,
) -> Study:
    """Write all tables of a study but effects.csv to folder/<name>.

    Sigmoid learns from xavier at depth 4 alone. `axes` are further factors with their values, such as
    {"norm": ["none", "batch"]}, and `changed` factors that are not as usual, or the outcome of all runs.
    """
    axes = {"init": inits, **(axes or {})}
    records = make_records(activations, depths, seeds, 8, axes, name, **changed)
    return write_records(folder / name, records, timed)


def write_records(folder: Path, records: Sequence[Mapping[str, Any]], timed: bool = True) -> Study:
    """Write all tables of the study that some records make."""
    study = Study(folder)
    write_table(make_theory(records), folder / "theory.parquet")
    tuning = make_tuning(records)
    write_table(tuning, folder / "tuning.parquet")
    write_csv(choose(tuning), folder / "lr.csv")
    write_json(make_timing(records, timed), folder / "timing.json")
    facts = {
        "question": f"What does {folder.name} show?",
        "overrides": [f"experiment={folder.name}"],
        **provenance(records, {}),
    }
    write_tables(records, make_layers, facts, study)
    return Study(folder)


def make_records(
    activations: Sequence[str] = ("relu", "tanh", "sigmoid"),
    depths: Sequence[int] = (2, 4),
    seeds: int = 3,
    epochs: int = 4,
    axes: Mapping[str, Sequence[Any]] | None = None,
    study: str = "synthetic",
    **changed: Any,
) -> list[dict[str, Any]]:
    """Records in the order of the grid; seeds count from 0."""
    axes = axes or {}
    grid = itertools.product(activations, depths, *axes.values(), range(seeds))
    return [
        make_record(activation, depth, seed, epochs, study=study, **{**dict(zip(axes, rest, strict=True)), **changed})
        for activation, depth, *rest, seed in grid
    ]


def make_record(
    activation: str = "relu",
    depth: int = 2,
    seed: int = 0,
    epochs: int = 4,
    outcome: str | None = None,
    study: str = "synthetic",
    **changed: Any,
) -> dict[str, Any]:
    """One record, whose outcome follows from the decades of gradient lost or gained; `changed` are further factors."""
    factors: dict[str, Any] = {
        "study": study,
        "data": "digits",
        "activation": activation,
        "depth": depth,
        "width": 16,
        "seed": seed,
        "model": "cnn",
        "init": "variance",
        "norm": "none",
        "optimizer": "sgd",
        "clip": None,
        "lr": 0.05,
        "schedule": "cosine",
        "batch_size": 64,
        "epochs": epochs,
        "precision": "32-true",
        "data.train_size": None,
        "optimizer.momentum": 0.9,
    }
    if activation == "leaky_relu":
        factors["activation.negative_slope"] = 0.01
    factors.update(changed)
    digest = hashlib.sha256(repr(sorted(factors.items(), key=lambda item: item[0])).encode()).hexdigest()
    rng = np.random.default_rng(int(digest[:8], 16))
    decades = (depth - 1) * np.log10(layer_factor(factors))
    outcome = outcome or ("learned" if abs(decades) < 2.5 else "slow" if abs(decades) < 4 else "chance")
    curve = _curve(epochs, depth, outcome, rng)
    loss = np.maximum(2.3 * (1 - curve), 0.01)
    losses = [*loss[:-1].tolist(), None if outcome == "diverged" else float(loss[-1])]
    test = float(np.clip(round((curve[-1] + 0.004 * rng.standard_normal()) * 360) / 360, 0, 1))
    record = {
        "run_id": digest[:16],
        "config": {"study": study, "activation": {"name": activation}, "depth": depth, "seed": seed},
        "factors": factors,
        "status": "diverged" if outcome == "diverged" else "completed",
        "outcome": outcome,
        "metrics": {
            "test_accuracy": test,
            "val_accuracy": float(curve[-1]),
            "val_loss": losses[-1],
            "train_loss": losses[-1],
            "steps": STEPS * len(curve),
            "parameters": 2500 * depth,
        },
        "history": {
            "epoch": list(range(1, len(curve) + 1)),
            **dict.fromkeys(("train_loss", "val_loss"), losses),
            **dict.fromkeys(("train_accuracy", "val_accuracy"), curve.tolist()),
        },
        "diagnostics": {"epochs": [0, len(curve)], "columns": _COLUMNS, "exact": factors["norm"] != "batch"},
        "error": None,
        "data": {
            "name": factors["data"],
            "fingerprint": "f" * 32,
            "classes": [str(i) for i in range(CLASSES)],
            **{"train": 1200, "validation": 237, "test": 360},
            "shape": [8, 8, 1],
            "source_md5": None,
        },
        "provenance": {
            "code_version": "0123456789ab",
            "libraries": {"torch": "2.0", "numpy": "2.0"},
            "python": "3.12.0",
            "cpu": "a processor",
            "device": "cpu",
            "threads": 1,
            "precision": factors["precision"],
        },
    }
    layers = dict(zip(_COLUMNS, np.moveaxis(make_layers(record), -1, 0), strict=True))
    first, last = ({name: float(values[k].mean()) for name, values in layers.items()} for k in (0, -1))
    gradient = np.log10(layers["gradient"][0])
    record["metrics"] |= {
        "gradient_decades_init": float(gradient[0] - gradient[-1]),
        "gradient_slope_init": float(np.polyfit(range(depth), gradient * np.log(10), 1)[0]) if depth > 1 else None,
        **{f"{name}_init": first[name] for name in ("saturated", "dead", "collapse")},
        **{f"{name}_end": last[name] for name in ("saturated", "dead", "collapse")},
        "update_first": float(layers["update"][-1, 0]),
    }
    return record


def layer_factor(factors: Mapping[str, Any]) -> float:
    """What a layer multiplies the gradient by on the way back; 1 with batch norm, shortcuts, and at the edge."""
    if factors["norm"] == "batch" or factors["model"] == "shortcut":
        return 1.0
    if factors["init"] == "gain":
        edge = {"sigmoid": 99.0, "tanh": 1.27}.get(factors["activation"], 2.0)
        return float(np.clip(np.sqrt(factors["init.gain"] / edge), 0.05, 3))
    shift = factors.get("activation.shift") or 0.0
    known = _FACTORS.get((factors["activation"].replace("shifted_", ""), factors["init"]), 1.0)
    return known + (1 - known) * 2 * shift


def make_layers(record: Mapping[str, Any]) -> np.ndarray:
    """Diagnostics of a record at init and at the end, (2, depth, columns)."""
    factors = record["factors"]
    rng = np.random.default_rng(int(record["run_id"][:8], 16))
    depth, backward = factors["depth"], layer_factor(factors)
    gradient = backward ** np.arange(depth - 1, -1, -1.0) * np.exp(0.05 * rng.standard_normal((2, depth)))
    saturated = {"sigmoid": 0.5 if factors["init"] == "edge" else 0.01, "relu": 0.5}.get(factors["activation"], 0.1)
    dead = 0.0 if factors["activation"] != "relu" else np.array([[0.0], [0.03]])
    values = {
        "gradient": gradient,
        "gradient_saturated": np.full((2, depth), 0.4),
        "weight_gradient": gradient * 2,
        "update": np.stack([np.full(depth, np.nan), 0.01 * gradient[1]]),
        "saturated": np.clip(saturated + 0.01 * rng.standard_normal((2, depth)), 0, 1),
        "slope_square": np.full((2, depth), 0.3),
        "dead": np.broadcast_to(dead, (2, depth)),
        "collapse": np.full((2, depth), 0.5),
        "q": np.full((2, depth), 1.1),
        "effective_rank": np.full((2, depth), 5.0),
    }
    return np.stack([np.broadcast_to(values[name], (2, depth)) for name in _COLUMNS], axis=-1)


def make_theory(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """theory.parquet of the cells of some records."""
    cells = planned_cells([record["factors"] for record in records])
    backward = np.array([layer_factor(records[run]["factors"]) for run in cells["run"]])
    table = cells.drop(columns="run").assign(backward=backward, layer=[range(1, depth + 1) for depth in cells["depth"]])
    table = table.explode("layer", ignore_index=True).astype({"layer": "int64"})
    ratio = table.pop("backward")
    below = ratio.where(table["layer"] < table["depth"])
    with np.errstate(divide="ignore"):
        xi = -1 / (2 * np.log(ratio))
    return table.assign(
        q=1.0,
        chi=below**2,
        gradient_ratio=below,
        gradient_relative=ratio ** (table["depth"] - table["layer"]),
        collapse=0.5,
        decades=(table["depth"] - 1) * np.log10(ratio),
        xi=xi,
    )


def make_tuning(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """tuning.parquet: every cell at its rate, and a tenth and a third of it, on seeds of its own."""
    runs, cells = [], []
    for cell in planned_cells([record["factors"] for record in records])["run"]:
        factors = records[cell]["factors"]
        for rate in (0.1, 0.316, 1.0):
            for seed in (1_000_000, 1_000_001):
                runs.append(make_record(**factors | {"seed": seed, "lr": factors["lr"] * rate}))
                metrics = runs[-1]["metrics"]
                cells.append((f"{cell:016x}", "0" * 16, "grid", metrics["val_accuracy"], metrics["val_loss"]))
    own = pd.DataFrame(cells, columns=list(TUNING_COLUMNS), index=[record["run_id"] for record in runs])
    table = runs_table(runs)
    return table.join(own.astype(TUNING_COLUMNS), on="run_id")


def make_timing(records: Sequence[Mapping[str, Any]], timed: bool = True) -> dict[str, Any]:
    """timing.json: sigmoid takes twice as long forward, and a twentieth longer for a step; five processes."""
    activations = list(dict.fromkeys(record["factors"]["activation"] for record in records)) if timed else []
    depths = sorted({record["factors"]["depth"] for record in records})
    nets = [*((depth, 16) for depth in depths), *((depths[0], width) for width in (32, 64, 128))]

    def over_processes(seconds: float) -> list[float]:
        return [seconds * (1 + 0.01 * process) for process in range(5)]

    return {
        "op": [
            {"activation": name, "size": size, "pass": way, "threads": 1}
            | {"seconds": over_processes(size * 1e-9 * (2 if (name, way) == ("sigmoid", "forward") else 1))}
            for name, size, way in itertools.product(activations, (4096, 65536), ("forward", "backward"))
        ],
        "step": [
            {"activation": name, "depth": depth, "width": width, "kind": kind, "threads": 1}
            | {"seconds": over_processes(1e-5 * depth * width * share * (1.05 if name == "sigmoid" else 1))}
            for name, (depth, width) in itertools.product(activations, nets)
            for kind, share in (("train", 3), ("inference", 1))
        ],
    }


def _curve(epochs: int, depth: int, outcome: str, rng: np.random.Generator) -> np.ndarray:
    """Validation accuracy by epoch."""
    if outcome == "chance":
        return np.full(epochs, 24 / 237)
    if outcome == "diverged":
        return np.full(max(1, epochs // 3), 24 / 237)
    ceiling = (0.985 if outcome == "learned" else 0.35) - 0.002 * depth + 0.004 * rng.standard_normal()
    epoch = np.arange(1, epochs + 1)
    middle = epochs * (0.1 + 0.02 * depth) * rng.uniform(0.7, 1.3)
    curve = 0.1 + (ceiling - 0.1) / (1 + np.exp(-(epoch - middle) / (epochs * 0.06)))
    return np.round(np.clip(curve + 0.01 * rng.standard_normal(epochs), 0, 1) * 237) / 237
