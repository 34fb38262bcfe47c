"""What makes two runs the same run: the settings that matter to the result, the data, and the code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from whyrelu.configuration.schema import NAMED_GROUPS, Config
from whyrelu.configuration.settings import Settings
from whyrelu.runs.code_version import code_version, source_version

# Settings that cannot change a result: where files are, what watches, and how often a run is saved.
IRRELEVANT = frozenset(
    {
        "data._target_",
        "data.root",
        "data.url",
        "data.md5",
        "data.note",
        "arms",
        "mlflow.tracking_uri",
        "optimizer.default_lr",
        "optimizer.lr_grid",
        "prepared_root",
        "purpose",
        "question",
        "resources.gpus",
        "resources.memory_gb",
        "run_root",
        "timing.blocks",
        "timing.every_activation",
        "timing.name",
        "timing.sample",
        "timing.seconds",
        "timing.sizes",
        "timing.vanishing_depths",
        "timing.wait",
        "timing.width_depth",
        "timing.widths",
        "trainer.checkpoint_seconds",
        "trainer.keep_checkpoint",
        "tuning.extensions",
        "tuning.first_seed",
        "tuning.seeds",
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
    return Identifier()(Settings(config), fingerprint)


class Identifier:
    """Gives the identities of many runs: what they share is written down once, and hashed with what is their own.

    The hash is of JSON with sorted keys: {"code": ..., "config": {the settings that matter and do not have their
    default, flat}, "data": ..., "own_code": ...}.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._shared: dict[int, tuple[Mapping[str, Any], dict[str, str], str]] = {}
        self._changes: dict[tuple[str, type, Any], str] = {}

    def __call__(self, settings: Settings, fingerprint: str) -> str:
        """Return what `run_id` gives for `settings.config()`."""
        fragments, own_code = self._of_shared(settings.shared)
        if settings.changes:
            fragments = dict(fragments)
            for key, value in settings.changes:
                fragments[key] = self._of_change(key, value)
        told = ", ".join(filter(None, fragments.values()))
        text = f'{{"code": "{code_version()}", "config": {{{told}}}, "data": {json.dumps(fingerprint)}, {own_code}}}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _of_change(self, key: str, value: Any) -> str:
        """What is hashed of one setting; "" if it has its default, or does not matter."""
        if isinstance(value, list):
            return _fragments({key: value}).get(key, "")
        # 1, 1.0 and True are one key of a dictionary, and not written alike
        known = key, type(value), value
        if known not in self._changes:
            self._changes[known] = _fragments({key: value}).get(key, "")
        return self._changes[known]

    def _of_shared(self, config: Mapping[str, Any]) -> tuple[dict[str, str], str]:
        """What is hashed of each setting, by sorted keys, "" for one that has its default; and the end of the text."""
        # the configuration is kept so that no other can have its id
        known = self._shared.get(id(config))
        if known is None:
            told = _fragments(config)
            own_code = {
                group: version
                for group in NAMED_GROUPS
                if (version := source_version(str(config[group]["_target_"]))) is not None
            }
            fragments = {key: told.get(key, "") for key in sorted(_flatten(config))}
            known = config, fragments, f'"own_code": {json.dumps(own_code, sort_keys=True)}'
            self._shared[id(config)] = known
        return known[1:]


def _fragments(config: Mapping[str, Any]) -> dict[str, str]:
    return {key: f"{json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in _told(config).items()}


def tuning_cell(config: Mapping[str, Any]) -> str:
    """Return what the runs have in common among which a learning rate is chosen, 16 hex digits.

    It is made of all settings that matter to the result but the learning rate, the seed, and what is measured inside
    the networks; unlike the identity of a run it does not depend on the code.

    Args:
        config: a resolved configuration; its learning rate may be missing.
    """
    told = _told(config)
    return _hash({key: value for key, value in told.items() if not is_apart_from_cell(key)})


def is_apart_from_cell(key: str) -> bool:
    """Whether runs that differ in a setting (or factor) only belong to one cell when learning rates are chosen."""
    return key in ("lr", "seed") or key.partition(".")[0] == "diagnostics"


def factors(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting that matters to the result, flat, under the names that tables use.

    Groups stand under their own name (`activation`), their arguments under dotted names (`optimizer.momentum`).
    """
    values = relevant(config)
    return {_RENAMED.get(key, key): value for key, value in values.items() if not key.endswith("._target_")}


def _told(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that matter and do not have their default."""
    defaults = _defaults()
    return {key: value for key, value in relevant(config).items() if key not in defaults or defaults[key] != value}


def _hash(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


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
