"""What makes two runs the same run: the settings that matter to the result, the data, the device, and the code."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from omegaconf import MISSING

from whyrelu.config.schema import NAMED_GROUPS, Config
from whyrelu.config.targets import own_code_version

# Raise it by hand, to anything new, when the numbers that training or its diagnostics give have changed: every run then
# is another run. tests/learning/test_golden_run.py fails while the numbers have changed and this has not.
TRAINING_VERSION = "95fb0c519b0d"

# The settings that a run is: its identity is made of these, flat, and of no other part of the configuration.
FACTORS = (
    "study",
    "activation",
    "depth",
    "width",
    "seed",
    "model",
    "init",
    "norm",
    "optimizer",
    "lr",
    "schedule",
    "batch_size",
    "clip",
    "precision",
    "data.name",
    "data.validation_size",
    "data.train_size",
    "data.test_size",
    "data.learned_at",
    "data.image_size",
    "data.options",
    "data.augmentation",
    "trainer.accelerator",
    "trainer.threads",
    "trainer.max_epochs",
    "trainer.stop_at",
    "diagnostics",
)
# What tuning is told of an optimizer, which is no argument of it.
_FOR_TUNING = ("optimizer.default_lr", "optimizer.lr_grid")

# Columns of the tables that are called otherwise in the configuration.
_RENAMED = {
    "data.name": "data",
    "diagnostics.name": "diagnostics",
    "trainer.max_epochs": "epochs",
    **{f"{group}.name": group for group in NAMED_GROUPS},
}


def run_id(config: Mapping[str, Any], fingerprint: str) -> str:
    """The identity of a run, 16 hex digits, from its resolved configuration and the fingerprint of its data.

    Settings that have their default, such as the device if it is a CPU, are left out, so that a run keeps its identity
    when an option is added.
    """
    versions = {group: own_code_version(str(config[group]["_target_"])) for group in NAMED_GROUPS}
    own_code = {group: version for group, version in versions.items() if version is not None}
    return digest({"code": TRAINING_VERSION, "config": _told(config), "data": fingerprint, "own_code": own_code})


def tuning_cell(config: Mapping[str, Any]) -> str:
    """What the runs have in common among which a learning rate is chosen, 16 hex digits.

    It is made of all settings that matter to the result but the learning rate, the seed, and what is measured inside
    the networks; unlike the identity of a run it does not depend on the code.
    """
    apart = ("lr", "seed", "diagnostics")
    return digest({key: value for key, value in _told(config).items() if key.partition(".")[0] not in apart})


def factors(config: Mapping[str, Any]) -> dict[str, Any]:
    """The relevant settings as tables name them: groups as themselves, their arguments as `optimizer.momentum`."""
    return {_RENAMED.get(key, key): value for key, value in relevant(config).items() if not key.endswith("._target_")}


def relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that matter to the result, flat: {"trainer.max_epochs": 30, ...}."""
    return {
        key: value
        for key, value in _flatten(config)
        if any(key == factor or key.startswith(f"{factor}.") for factor in FACTORS) and key not in _FOR_TUNING
    }


def _told(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that matter and do not have their default."""
    defaults = _defaults()
    return {key: value for key, value in relevant(config).items() if key not in defaults or defaults[key] != value}


def digest(value: Any) -> str:
    """16 hex digits over plain values, whatever the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", int(value) if isinstance(value, float) and value.is_integer() else value


@cache
def _defaults() -> dict[str, Any]:
    """The defaults of the schema, flat; groups that name a callable have none."""
    return {key: value for key, value in _flatten(asdict(Config())) if value != MISSING}
