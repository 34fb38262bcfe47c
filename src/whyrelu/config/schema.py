"""The typed schema behind conf/: every key a person can type, with its type, default and valid values.

A run is identified by the values that differ from these defaults (`whyrelu.runs.identity`), so a default is a promise:
changing one would give an old name to a new experiment. Add a field instead.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Annotated, Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from whyrelu.errors import UnknownNameError, UserError

# Groups whose files name a callable (`_target_`) and its keyword arguments, beside a `name` for tables.
NAMED_GROUPS = ("activation", "model", "init", "norm", "optimizer")
# The value of lr that stands for the rate which tuning chose for the cell.
TUNED = "tuned"

_ODD = re.compile(r"[<>|`\[\]\\\x00-\x1f\x7f]")
_FOLDER_NAME = r"^\w[\w.-]*$"
# What pydantic says, and what a person would.
_IN_OUR_WORDS = {
    f"String should match pattern '{_FOLDER_NAME}'": "a name of folders: letters, digits, _, - and . only",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "a valid integer": "a whole number",
    "List should have at least 1 item after validation, not 0": "a list of one value or more",
}


def check_text(what: str, text: str) -> None:
    """Refuse a text that would be more than a text in a page: marks of HTML or Markdown, or control characters."""
    if found := _ODD.search(text):
        raise UserError(f"{what} must not hold {found[0]!r}, which means something in pages and tables")


def _one_of(key: str, *options: str) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is not None and value not in options:
            raise UnknownNameError(f"value of {key}", value, options)
        return value

    return AfterValidator(check)


def _rate(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != TUNED and not (is_number and 0 < value <= 1e30):
        raise UserError(f"setting lr must be a finite number above 0 or {TUNED}, not {value!r}")
    return value


_FolderName = Annotated[str, Field(pattern=_FOLDER_NAME)]
# Beyond these largest values a number is a slip of typing: no machine could do it, and some would die of trying.
_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_Depth = Annotated[int, Field(ge=1, le=10_000)]
_Pixels = Annotated[int, Field(ge=1, le=4096)]
_Seconds = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
_Norm = Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)]
_Accuracy = Annotated[float, Field(gt=0, le=1)]


class _Strict:
    """Pydantic refuses keys that are no fields."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass
class Augmentation(_Strict):
    """Random changes of training images: crop after padding by `padding` pixels, horizontal flip."""

    padding: Annotated[int, Field(ge=0, le=256)] = 0
    flip: bool = False


@dataclass
class Data(_Strict):
    """A data set and how it is split; see `whyrelu.data`."""

    name: _FolderName = MISSING
    _target_: str = MISSING
    # Where raw files are kept (torchvision's folder layout), or the directory of class folders.
    root: str | None = None
    # A mirror or local archive that replaces the official address, and its checksum.
    url: str | None = None
    md5: str | None = None
    # What a reader of the report must know of the images.
    note: str | None = None
    # Numbers of images: those of validation are taken from training, where None keeps all that are left; a test split
    # is made for sets that come without one.
    validation_size: _Count = MISSING
    train_size: _Count | None = None
    test_size: _Count | None = None
    # Validation accuracy from which on a run has learned: data.learned_at=0.6; None: chance and a quarter of the rest.
    learned_at: _Accuracy | None = None
    # Side length in pixels to which images are resized, for image_folder.
    image_size: _Pixels | None = None
    # Further settings for a reader of your own: +data.options.year=2024.
    options: dict[str, Any] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass
class Trainer(_Strict):
    """Where and how long a run trains."""

    accelerator: Annotated[str, _one_of("trainer.accelerator", "auto", "cpu", "cuda", "gpu")] = "cpu"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    max_epochs: _Count = 15
    stop_at: _Accuracy | None = None
    checkpoint_seconds: _Seconds = 2.0


@dataclass
class Diagnostics(_Strict):
    """What is measured inside the networks, and when; see `whyrelu.diagnostics`."""

    name: str = "off"
    epochs: Annotated[str, _one_of("diagnostics.epochs", "none", "ends", "all")] = "none"
    # Validation images: for gradients, saturation and collapse, and, as far as there are so many, for dead units.
    probe_images: Annotated[int, Field(ge=2, le=1_000_000)] = 64
    dead_images: Annotated[int, Field(ge=0, le=1_000_000)] = 2000


@dataclass
class Tuning(_Strict):
    """How learning rates are chosen, see `whyrelu.tuning`; conf/train.yaml says what each setting does."""

    rates: Annotated[list[Annotated[float, Field(gt=0, le=1e30)]], Field(min_length=1)] | None = None
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 2
    confirm_seeds: Annotated[int, Field(ge=0, le=10_000)] = 4
    first_seed: Annotated[int, Field(le=2**62)] = 1_000_000
    extensions: Annotated[int, Field(ge=0, le=100)] = 2


@dataclass
class Timing(_Strict):
    """What src/timing.py measures, and for how long; conf/timing/full.yaml says what each setting does."""

    name: str = "full"
    seconds: _Seconds = 85.0
    # An interval takes two.
    processes: Annotated[int, Field(ge=2, le=1000)] = 5
    sizes: Annotated[list[Annotated[int, Field(ge=1, le=2**32)]], Field(min_length=1)] = field(
        default_factory=lambda: [2**power for power in range(12, 25, 2)]
    )
    widths: list[_Count] = field(default_factory=lambda: [16, 32, 64, 128, 256])


@dataclass
class MLflow(_Strict):
    """Tracking; None for no tracking."""

    tracking_uri: str | None = "sqlite:///mlflow.db"


@dataclass
class Config(_Strict):
    """One training run; conf/train.yaml says what each setting does."""

    study: _FolderName = MISSING
    question: str | None = None
    activation: dict[str, Any] = field(default_factory=dict)
    depth: _Depth = 4
    width: _Count = 16
    seed: Annotated[int, Field(ge=1 - 2**63, le=2**63 - 1, strict=True)] = 0
    model: dict[str, Any] = field(default_factory=dict)
    init: dict[str, Any] = field(default_factory=dict)
    norm: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    lr: Annotated[Any, AfterValidator(_rate)] = MISSING
    schedule: Annotated[str, _one_of("schedule", "constant", "cosine")] = "cosine"
    batch_size: _Count = 64
    clip: _Norm | None = None
    precision: Annotated[str, _one_of("precision", "32-true", "tf32", "bf16-mixed", "16-mixed", "64-true")] = "32-true"
    data: Data = field(default_factory=Data)
    trainer: Trainer = field(default_factory=Trainer)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    prepared_root: str = "data"
    run_root: str = "runs"
    mlflow: MLflow = field(default_factory=MLflow)
    tuning: Tuning = field(default_factory=Tuning)
    timing: Timing = field(default_factory=Timing)
    rerun: Annotated[str | None, _one_of("rerun", "changed")] = None
    arms: list[str] = field(default_factory=list)


_ADAPTER = TypeAdapter(Config)
# conf/train.yaml builds on it under this name.
ConfigStore.instance().store(name="schema", node=Config)


def validate(config: Mapping[str, Any]) -> None:
    """Check a resolved configuration; a UserError names the setting, its value and what would be right."""
    try:
        _ADAPTER.validate_python(config)
    except ValidationError as error:
        raise _explained(error) from None
    for group in NAMED_GROUPS:
        for key in ("_target_", "name"):
            value = config[group].get(key)
            if not (isinstance(value, str) and value) or "/" in value or value.startswith("."):
                raise UserError(f"setting {group}.{key} must be a name, not {value!r}")
        _check_arguments(config[group], group)
    _check_arguments(config["data"]["options"], "data.options")
    for key, text in (("question", config["question"]), ("data.note", config["data"]["note"])):
        check_text(f"setting {key}", text or "")


def _explained(error: ValidationError) -> UserError:
    """The first of pydantic's errors in our words."""
    first = error.errors()[0]
    *parents, name = map(str, first["loc"])
    key = ".".join([*parents, name])
    if first["type"] == "unexpected_keyword_argument":
        options = vars(reduce(getattr, parents, Config()))
        return UnknownNameError("setting", key, [".".join([*parents, option]) for option in options])
    what = first["msg"].removeprefix("Input should be ")
    for theirs, ours in _IN_OUR_WORDS.items():
        what = what.replace(theirs, ours)
    return UserError(f"setting {key} must be {what}, not {first['input']!r}")


def _check_arguments(values: Mapping[str, Any], prefix: str) -> None:
    """Check the free arguments of a group, which end up in tables and pages."""
    for key, value in values.items():
        what = f"setting {prefix}.{key}"
        if isinstance(value, Mapping):
            _check_arguments(value, f"{prefix}.{key}")
        elif isinstance(value, int) and abs(value) >= 2**63:  # which tables could not hold
            raise UserError(f"{what} must be a whole number of at most 64 bits, not {value}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{what} must be a finite number, not {value}")
        elif isinstance(value, str):
            check_text(what, value)
