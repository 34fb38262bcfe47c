"""What makes two runs the same run: the settings that matter to the result, the data, and the code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from whyrelu.configuration.schema import NAMED_GROUPS, Config
from whyrelu.runs.code_version import code_version, source_version

# Settings that cannot change a result: where files are, what watches, and how often a run is saved.
IRRELEVANT = frozenset(
    {
        "data._target_",
        "data.root",
        "data.url",
        "data.md5",
        "mlflow.tracking_uri",
        "optimizer.default_lr",
        "prepared_root",
        "run_root",
        "trainer.checkpoint_seconds",
        "trainer.keep_checkpoint",
    }
)

# Columns of the tables that are called otherwise in the configuration.
_RENAMED = {
    "data.name": "data",
    "diagnostics.name": "diagnostics",
    "trainer.max_epochs": "epochs",
    **{f"{group}.name": group for group in NAMED_GROUPS},
}


def run_id(config: Mapping[str, Any], fingerprint: str) -> str:
    """Return the identity of a run, 16 hex digits.

    Settings that have their default are left out, so that a run keeps its identity when an option is added.

    Args:
        config: a resolved configuration.
        fingerprint: of the prepared data.
    """
    defaults = _defaults()
    told = {key: value for key, value in relevant(config).items() if key not in defaults or defaults[key] != value}
    own_code = {
        group: version
        for group in NAMED_GROUPS
        if (version := source_version(str(config[group]["_target_"]))) is not None
    }
    identity = {"config": told, "data": fingerprint, "code": code_version(), "own_code": own_code}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def factors(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting that matters to the result, flat, under the names that tables use.

    Groups stand under their own name (`activation`), their arguments under dotted names (`optimizer.momentum`).
    """
    values = relevant(config)
    return {_RENAMED.get(key, key): value for key, value in values.items() if not key.endswith("._target_")}


def relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that matter to the result, flat: {"trainer.max_epochs": 30, ...}."""
    return {key: value for key, value in _flatten(config).items() if key not in IRRELEVANT}


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = int(value) if isinstance(value, float) and value.is_integer() else value
    return flat


@cache
def _defaults(schema: type = Config, prefix: str = "") -> dict[str, Any]:
    """Return the defaults of the schema, flat; groups that name a callable have none."""
    defaults: dict[str, Any] = {}
    types = get_type_hints(schema)
    for field in fields(schema):
        if is_dataclass(types[field.name]):
            defaults |= _defaults(types[field.name], f"{prefix}{field.name}.")
        elif field.default is not MISSING and field.default != "???":
            defaults[f"{prefix}{field.name}"] = field.default
    return defaults
