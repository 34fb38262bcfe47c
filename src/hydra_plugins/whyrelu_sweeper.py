"""Hydra plugins that run what is not done of a grid and show its progress.

`hydra/sweeper=grid` is the default; `hydra/sweeper=tuning` is what src/tune.py uses to choose learning rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class GridSweeperConfig:
    """Grid."""

    _target_: str = "hydra_plugins.whyrelu_sweeper.GridSweeper"
    params: dict[str, str] | None = None


@dataclass
class TuningSweeperConfig:
    """Tuning."""

    _target_: str = "hydra_plugins.whyrelu_sweeper.TuningSweeper"
    params: dict[str, str] | None = None


# No `from __future__ import annotations` here: Hydra executes plugins outside sys.modules, where dataclasses cannot
# resolve annotations that are strings.
for name, node in (("grid", GridSweeperConfig), ("tuning", TuningSweeperConfig)):
    ConfigStore.instance().store(group="hydra/sweeper", name=name, node=node, provider="whyrelu")


class GridSweeper(Sweeper):
    """Hands a grid to `whyrelu.launch.sweep`, with whatever launcher is configured."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives and make the launcher."""
        self._config = config
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Run every combination of the arguments that is not done yet."""
        from pathlib import Path

        from whyrelu.launch.sweep import sweep
        from whyrelu.launch.workers import closing

        with closing(self._launcher):
            return sweep(arguments, self._launcher, Path(self._config.hydra.sweep.dir))


class TuningSweeper(GridSweeper):
    """Hands a grid to `whyrelu.tuning.rounds`, with whatever launcher is configured."""

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Choose the learning rate of every cell of the grid that the arguments make."""
        from pathlib import Path

        from whyrelu.launch.workers import closing
        from whyrelu.tuning.rounds import tune

        with closing(self._launcher):
            tune(arguments, self._launcher, Path(self._config.hydra.sweep.dir))
        return []
