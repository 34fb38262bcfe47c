"""What the tests of composition share."""

from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from whyrelu.config.grid import CONFIG_DIRECTORY, compose


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIG_DIRECTORY / group).glob("*.yaml"))


@cache
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    return compose(overrides)


def plain(overrides: list[str]) -> dict[str, Any]:
    """One configuration; Hydra takes a tenth of a second for each, so none is composed twice."""
    return OmegaConf.to_container(_composed(tuple(overrides)))  # type: ignore[return-value]
