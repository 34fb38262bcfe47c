"""What the settings of Hydra itself, hydra.*, may name: they are callables too, which Hydra makes before any run."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from whyrelu.configuration.targets import own_source
from whyrelu.errors import UserError

# Hydra makes launchers and sweepers of plugins only, and whyrelu samplers of Optuna.
_PLUGINS = ("hydra_plugins.", "hydra._internal.core_plugins.")
_BY_PLACE = {"launcher": _PLUGINS, "sweeper": _PLUGINS, "sweeper.sampler": ("optuna.samplers.",)}
# Handlers and formatters of Python's logging, and of the plugin that colours them.
_LOGGING = ("logging.", "colorlog.")
# Where whole parts of a configuration become calls.
_CALLED = ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging")
_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def check_hydra_settings(config: DictConfig) -> None:
    """Refuse settings that would have Hydra call what neither belongs to it nor is a callback.

    Args:
        config: as Hydra composes it, unresolved.

    Raises:
        UserError: one line that names the setting.
    """
    node = OmegaConf.select(config, "hydra")
    if node is None:
        return
    for path, written in _leaves(OmegaConf.to_container(node, resolve=False)):
        place, _, key = path.rpartition(".")
        value = _resolved(config, path) if isinstance(written, str) and "${" in written else written
        if path.startswith(_CALLED) and OmegaConf.is_config(value):
            raise UserError(f"hydra.{path}={written} is refused: write out what it stands for")
        if key == "_target_" and not _is_admitted(place, str(value)):
            raise UserError(
                f"hydra.{path}={value} is refused: only plugins of Hydra and its callbacks may be named here"
            )
        if place.startswith(("job_logging.", "hydra_logging.")):
            is_class = key in ("class", "()") and not str(value).startswith(_LOGGING)
            if is_class or (str(value).startswith(("ext://", "cfg://")) and value not in _STREAMS):
                raise UserError(f"hydra.{path}={value} is refused: only classes of logging may be named here")
        if key == "custom_search_space" and value is not None and own_source(str(value)) is None:
            raise UserError(f"hydra.{path}={value} is refused: only a function of your own may be named here")


def guard() -> None:
    """Have Hydra check all that it composes, which it has no place for."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    load = ConfigLoaderImpl.load_configuration
    if getattr(load, "is_guarded", False):
        return

    def load_and_check(*arguments: Any, **options: Any) -> DictConfig:
        config = load(*arguments, **options)
        check_hydra_settings(config)
        return config

    load_and_check.is_guarded = True  # type: ignore[attr-defined]
    # a plain assignment is what the type checker takes for a mistake
    setattr(ConfigLoaderImpl, "load_configuration", load_and_check)  # noqa: B010


def _is_admitted(place: str, target: str) -> bool:
    if place in _BY_PLACE:
        return target.startswith(_BY_PLACE[place])
    if place.startswith("callbacks.") and place.count(".") == 1:
        from hydra.experimental.callback import Callback

        module, _, name = target.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError):
            return False
        return isinstance(found, type) and issubclass(found, Callback)
    return False


def _resolved(config: DictConfig, path: str) -> Any:
    """What an interpolation stands for; itself if that is not known before a run."""
    try:
        return OmegaConf.select(config, f"hydra.{path}")
    except OmegaConfBaseException:
        return "${}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all values below a node with their paths."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
