"""The typed schema behind conf/: every key a person can type, with its type, default and valid values.

A run is identified by the values that differ from these defaults (see `identity`), so a default is a promise:
changing one would give an old name to a new experiment. Add a field instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, lru_cache, reduce
from typing import Any, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from whyrelu.configuration.hydra_settings import guard
from whyrelu.errors import UnknownNameError, UserError

# Groups whose files name a callable (`_target_`) and its keyword arguments, beside a `name` for tables and figures.
NAMED_GROUPS = ("activation", "model", "init", "norm", "optimizer")

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
SCHEDULES = ("constant", "cosine")
MOMENTS = ("none", "ends", "all")
ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")

# What texts that end up in tables, figures and pages must not hold: Markdown's and HTML's marks, and line ends.
_ODD = re.compile(r"[<>|`\[\]\\\x00-\x1f\x7f]")

# Settings that are such texts, beside the arguments of groups.
_TEXTS = ("question", "data.note")

# The value of lr that stands for the rate which tuning chose for the cell.
TUNED = "tuned"
# Beyond these a value is a slip of typing: no machine could do it, and some would die of trying.
LARGEST = {
    "depth": 10_000,
    "width": 1_000_000,
    "batch_size": 1_000_000,
    "lr": 1e30,
    "data.image_size": 4096,
    "data.augmentation.padding": 256,
    "trainer.threads": 1024,
    "trainer.max_epochs": 1_000_000,
    "resources.gpus": 1024,
    "resources.memory_gb": 1_000_000,
    "tuning.seeds": 10_000,
    "tuning.first_seed": 2**62,
    "tuning.extensions": 100,
    "timing.seconds": 1_000_000,
    "timing.blocks": 1_000_000,
    "timing.sample": 1_000_000,
    "timing.wait": 1_000_000,
    "timing.width_depth": 10_000,
    "timing.sizes": 2**32,
    "timing.widths": 1_000_000,
    "timing.vanishing_depths": 10_000,
}
# Seeds and free arguments end up in tables and libraries that count in 64 bits.
LARGEST_WHOLE = 2**63 - 1
# What a run is for: the study itself, or the choice of its learning rates.
PURPOSES = ("study", "tuning")


@dataclass
class Augmentation:
    """Random changes of training images: crop after padding by `padding` pixels, horizontal flip."""

    padding: int = 0
    flip: bool = False


@dataclass
class Data:
    """A data set and how it is split; see `whyrelu.data`."""

    name: str = MISSING
    _target_: str = MISSING
    # Where raw files are kept (torchvision's folder layout), or the directory of class folders.
    root: str | None = None
    # A mirror or local archive that replaces the official address, and its checksum.
    url: str | None = None
    md5: str | None = None
    # What a reader of the report must know of the images, such as how an archive differs from the official one.
    note: str | None = None
    # Images of the validation split, taken from the training images.
    validation_size: int = MISSING
    # Training images to use, None for all that are left.
    train_size: int | None = None
    # Images of the test split, for sets that come without one.
    test_size: int | None = None
    # Side length in pixels to which images are resized, for image_folder.
    image_size: int | None = None
    # Further arguments of a torchvision class: +data.options.split=letters for EMNIST.
    options: dict[str, Any] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass
class Trainer:
    """Where and how long a run trains."""

    accelerator: str = "cpu"
    threads: int = 1
    max_epochs: int = 15
    # Seconds between checkpoints (the first is written after the first epoch), for resuming.
    checkpoint_seconds: float = 2.0
    # Keep a checkpoint of the last epoch when a run ends; a run that is done already is not trained again for it.
    keep_checkpoint: bool = False


@dataclass
class Diagnostics:
    """What is measured inside the networks, and when; see `whyrelu.diagnostics`."""

    name: str = "off"
    # after which epochs: none, ends (init and the last), all (init and every epoch)
    epochs: str = "none"
    # Validation images for gradients, saturation and collapse.
    probe_images: int = 64
    # Validation images that tell which units are dead, as far as there are so many.
    dead_images: int = 2000
    # Jacobian, Hessian and effective rank at init, in the middle and at the end.
    spectra: bool = False


@dataclass
class Tuning:
    """How learning rates are chosen; see `whyrelu.tuning`."""

    # Runs per cell and rate; their seeds count from `first_seed`, and no run of the study has one of them.
    seeds: int = 3
    first_seed: int = 1_000_000
    # By how many rates a grid is extended at most, at each end, while the best rate is the last one there.
    extensions: int = 2


@dataclass
class Timing:
    """How src/timing.py spends its time; see `whyrelu.timing`."""

    name: str = "full"
    # Seconds of measuring, shared out among its parts; more of them give narrower intervals.
    seconds: float = 64.0
    # Blocks of each measurement, whatever they take; further ones as time allows.
    blocks: int = 6
    # Seconds of one sample: one alternative in one block.
    sample: float = 0.02
    # Elements of the tensors that activations are applied to.
    sizes: list[int] = field(default_factory=lambda: [2**power for power in range(12, 25, 2)])
    # Whether to time all of conf/activation elementwise, beside those of the study.
    every_activation: bool = True
    # Widths at which the activation's share of a step is measured, and the depth there (None: the study's smallest).
    widths: list[int] = field(default_factory=lambda: [16, 32, 64, 128, 256])
    width_depth: int | None = None
    # Depths of nets whose gradients vanish, for what subnormal numbers cost.
    vanishing_depths: list[int] = field(default_factory=lambda: [16, 64])
    # Seconds to wait at most until other processes leave the machine alone.
    wait: float = 10.0


@dataclass
class Resources:
    """What a run is given of the machine that does it; its cores are `trainer.threads`."""

    # A fraction where runs share one. None: a whole one, unless trainer.accelerator is cpu.
    gpus: float | None = None
    # Of the process that does it; None for an estimate.
    memory_gb: float | None = None


@dataclass
class MLflow:
    """Tracking; None for no tracking."""

    tracking_uri: str | None = "sqlite:///mlflow.db"


@dataclass
class Config:
    """One training run."""

    study: str = MISSING
    # What the study is to answer: the title of its report.
    question: str | None = None
    activation: dict[str, Any] = field(default_factory=dict)
    depth: int = 4
    width: int = 16
    seed: int = 0
    model: dict[str, Any] = field(default_factory=dict)
    init: dict[str, Any] = field(default_factory=dict)
    norm: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    # A number, or "tuned".
    lr: Any = MISSING
    schedule: str = "cosine"
    batch_size: int = 64
    precision: str = "32-true"
    data: Data = field(default_factory=Data)
    trainer: Trainer = field(default_factory=Trainer)
    resources: Resources = field(default_factory=Resources)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    # Where prepared arrays and the folders of runs are kept.
    prepared_root: str = "data"
    run_root: str = "runs"
    mlflow: MLflow = field(default_factory=MLflow)
    tuning: Tuning = field(default_factory=Tuning)
    timing: Timing = field(default_factory=Timing)
    # Further grids of a study: overrides that replace those of the grid that is typed.
    arms: list[str] = field(default_factory=list)
    purpose: str = "study"


def register() -> None:
    """Make the schema known to Hydra under the name `schema`, and have it check what its own settings may name."""
    guard()
    ConfigStore.instance().store(name="schema", node=Config)


def validate(config: Mapping[str, Any]) -> None:
    """Check the values of a resolved configuration that their types leave open.

    Raises:
        UserError: one line that names the setting, its value and what would be right.
    """
    for group in NAMED_GROUPS:
        for key in ("name", "_target_"):
            value = config[group].get(key)
            if not (isinstance(value, str) and value) or "/" in value or value.startswith("."):
                raise UserError(f"setting {group}.{key} must be a name, not {value!r}")
    _known_and_finite(config, Config)
    _at_least(1, config, "depth", "width", "batch_size")
    _at_least(1, config["data"], "validation_size", "train_size", "test_size", "image_size", prefix="data.")
    _at_least(1, config["trainer"], "max_epochs", "threads", prefix="trainer.")
    _at_least(2, config["diagnostics"], "probe_images", prefix="diagnostics.")
    _at_least(0, config["diagnostics"], "dead_images", prefix="diagnostics.")
    _at_least(0, config["trainer"], "checkpoint_seconds", prefix="trainer.")
    _at_least(0, config["data"]["augmentation"], "padding", prefix="data.augmentation.")
    _at_least(0, config["resources"], "gpus", "memory_gb", prefix="resources.")
    _at_least(1, config["tuning"], "seeds", prefix="tuning.")
    _at_least(0, config["tuning"], "extensions", prefix="tuning.")
    _check_timing(config["timing"])
    _check_rate(config["lr"])
    for key, largest in LARGEST.items():
        _at_most(largest, key, reduce(lambda node, name: node[name], key.split("."), config))
    for key, value, options in (
        ("precision", config["precision"], PRECISIONS),
        ("schedule", config["schedule"], SCHEDULES),
        ("diagnostics.epochs", config["diagnostics"]["epochs"], MOMENTS),
        ("trainer.accelerator", config["trainer"]["accelerator"], ACCELERATORS),
        ("purpose", config["purpose"], PURPOSES),
    ):
        if value not in options:
            raise UnknownNameError(f"value of {key}", value, options)
    if not config["study"] or "/" in config["study"] or config["study"].startswith(".") or _odd(config["study"]):
        raise UserError(f"setting study must be usable as a folder name, not {config['study']!r}")


def _check_timing(timing: Mapping[str, Any]) -> None:
    # an interval takes two blocks
    _at_least(2, timing, "blocks", prefix="timing.")
    _at_least(0, timing, "seconds", "sample", "wait", prefix="timing.")
    _at_least(1, timing, "width_depth", prefix="timing.")
    for key in ("sizes", "widths", "vanishing_depths"):
        if any(value < 1 for value in timing[key]) or len(set(timing[key])) < len(timing[key]):
            raise UserError(f"setting timing.{key} must be whole numbers from 1 on, each once, not {timing[key]}")
    if not timing["sizes"]:
        raise UserError("setting timing.sizes must have at least one size, such as timing.sizes=[65536], not []")


def _check_rate(lr: Any) -> None:
    if isinstance(lr, bool) or not isinstance(lr, int | float):
        raise UserError(f"setting lr must be a number or {TUNED}, not {lr!r}")
    if not (math.isfinite(lr) and lr > 0):
        raise UserError(f"setting lr must be a finite number above 0, not {lr}")


def _at_most(largest: float, key: str, value: Any) -> None:
    for number in value if isinstance(value, list) else [value]:
        if number is not None and number > largest:
            raise UserError(f"setting {key} must be at most {largest}, not {number}")


def _at_least(least: int, values: Mapping[str, Any], *keys: str, prefix: str = "") -> None:
    for key in keys:
        if values[key] is not None and not values[key] >= least:
            raise UserError(f"setting {prefix}{key} must be at least {least}, not {values[key]}")


def _known_and_finite(values: Mapping[str, Any], schema: type | None, prefix: str = "") -> None:
    """Check what `+key=value` and the free arguments of groups let through."""
    types = _types(schema) if schema else {}
    if schema and (unknown := sorted(set(values) - set(types))):
        raise UnknownNameError("setting", prefix + unknown[0], [prefix + field.name for field in fields(schema)])
    for key, value in values.items():
        if isinstance(value, Mapping):
            nested = types.get(key)
            _known_and_finite(
                value, nested if isinstance(nested, type) and is_dataclass(nested) else None, f"{prefix}{key}."
            )
        elif isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            raise UserError(f"setting {prefix}{key} must be a whole number of at most 64 bits, not {value}")
        elif isinstance(value, str) and (prefix.partition(".")[0] in NAMED_GROUPS or prefix + key in _TEXTS):
            check_text(f"setting {prefix}{key}", value)
        elif isinstance(value, float) and not math.isfinite(value) and prefix + key not in ("lr",):
            raise UserError(f"setting {prefix}{key} must be a finite number, not {value}")


def check_text(what: str, text: str) -> None:
    """Refuse a text that would be more than a text in a table, a figure or a page.

    Raises:
        UserError: it holds marks of HTML or Markdown, or control characters.
    """
    if (odd := _odd(text)) is not None:
        raise UserError(f"{what} must not hold {odd!r}, which means something in pages and tables")


@lru_cache(maxsize=4096)
def _odd(text: str) -> str | None:
    found = _ODD.search(text)
    return found[0] if found else None


@cache
def _types(schema: type) -> dict[str, Any]:
    return get_type_hints(schema)
