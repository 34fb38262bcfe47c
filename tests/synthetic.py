"""Records of runs that never took place, for tests of what is made of records."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CLASSES = 10


def make_records(
    activations: Sequence[str] = ("relu", "tanh", "sigmoid"),
    depths: Sequence[int] = (2, 4),
    seeds: int = 3,
    epochs: int = 4,
    axes: Mapping[str, Sequence[Any]] | None = None,
    study: str = "synthetic",
) -> list[dict[str, Any]]:
    """Records in grid order. Names with "sigmoid" fail from depth 4 on, softplus sometimes; all others learn.

    Args:
        activations: first axis of the grid.
        depths: second axis.
        seeds: number of seeds, from 0.
        epochs: of every run.
        axes: further factors and their values, e.g. {"norm": ["none", "batch"]}.
        study: its name.
    """
    axes = axes or {}
    grid = itertools.product(activations, depths, *axes.values(), range(seeds))
    return [
        make_record(activation, depth, seed, epochs, study=study, **dict(zip(axes, rest, strict=True)))
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
    """One record.

    Args:
        activation: its name.
        depth: its depth.
        seed: its seed.
        epochs: how many it trains.
        outcome: "learned", "at_chance" or "diverged"; by default what `make_records` says.
        study: its name.
        changed: factors that are not as usual.
    """
    factors: dict[str, Any] = {
        "study": study,
        "data": "digits",
        "activation": activation,
        "depth": depth,
        "width": 16,
        "seed": seed,
        "init": "critical",
        "norm": "none",
        "optimizer": "sgd",
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
    run_id = hashlib.sha256(repr(sorted(factors.items(), key=lambda item: item[0])).encode()).hexdigest()[:16]
    rng = np.random.default_rng(int(run_id, 16))
    outcome = outcome or _usual_outcome(activation, depth, factors["norm"], rng)
    ceiling = 0.985 - 0.15 * ("sigmoid" in activation) - 0.002 * depth + 0.004 * rng.standard_normal()
    curve = _curve(epochs, depth, ceiling, rng)
    status, at_chance = ("diverged", None) if outcome == "diverged" else ("completed", outcome == "at_chance")
    loss = np.maximum(2.3 * (1 - curve), 0.01)
    if outcome == "at_chance":
        curve, loss = np.full(epochs, 0.1), np.full(epochs, 2.3026)
    if outcome == "diverged":
        curve = curve[: max(1, epochs // 3)]
        loss = loss[: len(curve)]
    losses = [*loss[:-1].tolist(), None if outcome == "diverged" else float(loss[-1])]
    test = 36 / 360 if outcome != "learned" else round(float(curve[-1] + 0.004 * rng.standard_normal()) * 360) / 360
    return {
        "run_id": run_id,
        "config": {"study": study, "activation": {"name": activation}, "depth": depth, "seed": seed},
        "factors": factors,
        "status": status,
        "at_chance": at_chance,
        "metrics": {
            "test_accuracy": min(test, 1.0),
            "test_loss": losses[-1],
            "val_accuracy": float(curve[-1]),
            "val_loss": losses[-1],
            "train_accuracy": float(curve[-1]),
            "train_loss": losses[-1],
            "epochs_run": len(curve),
            "steps": 19 * len(curve),
            "parameters": 2500 * depth,
            "train_seconds": float(rng.uniform(1, 2)),
            "samples_per_second": float(rng.uniform(5000, 6000)),
        },
        "history": {
            "epoch": list(range(1, len(curve) + 1)),
            "train_loss": losses,
            "train_accuracy": curve.tolist(),
            "val_loss": losses,
            "val_accuracy": curve.tolist(),
        },
        "error": None,
        "data": {
            "name": factors["data"],
            "fingerprint": "0123456789abcdef",
            "classes": [str(i) for i in range(CLASSES)],
            "train": 1200,
            "validation": 237,
            "test": 360,
            "shape": [8, 8, 1],
            "source_md5": None,
        },
        "provenance": {
            "git_commit": None,
            "git_dirty": None,
            "code_version": "fedcba9876543210",
            "libraries": {"torch": "2.14.1", "lightning": "2.6.1", "numpy": "2.3.0"},
            "python": "3.11.0",
            "device": "cpu",
            "cpu": "a processor",
            "threads": 1,
            "precision": factors["precision"],
            "started": "2000-01-01T00:00:00Z",
            "seconds": 1.5,
            "attempts": [0],
        },
    }


def _usual_outcome(activation: str, depth: int, norm: str, rng: np.random.Generator) -> str:
    if norm == "batch":
        return "learned"
    if "sigmoid" in activation and depth >= 4:
        return "at_chance"
    if activation == "softplus" and depth >= 4:
        return str(rng.choice(["learned", "at_chance", "diverged"]))
    if activation == "relu" and depth >= 16:
        return str(rng.choice(["learned", "diverged"], p=[0.7, 0.3]))
    return "learned"


def _curve(epochs: int, depth: int, ceiling: float, rng: np.random.Generator) -> np.ndarray:
    epoch = np.arange(1, epochs + 1)
    middle = epochs * (0.1 + 0.02 * depth) * rng.uniform(0.7, 1.3)
    curve = 0.1 + (ceiling - 0.1) / (1 + np.exp(-(epoch - middle) / (epochs * 0.06)))
    return np.round(np.clip(curve + 0.01 * rng.standard_normal(epochs), 0, 1) * 237) / 237
