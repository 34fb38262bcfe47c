"""Hydra's sweepers of this project: the runs of a grid that are not done, and the rounds that choose learning rates.

`hydra/sweeper=grid` is the default, `hydra/sweeper=tuning` that of src/tune.py. Both use whatever launcher Hydra has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


# No `from __future__ import annotations` here: Hydra executes plugins outside sys.modules, where dataclasses cannot
# resolve annotations that are strings.
@dataclass
class GridSweeperConfig:
    """The grid that an experiment declares, as a person would type it: {"depth": "4,8", "seed": "range(0,5)"}."""

    _target_: str = "hydra_plugins.whyrelu_sweepers.GridSweeper"
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class TuningSweeperConfig(GridSweeperConfig):
    """The same grid, whose learning rates are to be chosen."""

    _target_: str = "hydra_plugins.whyrelu_sweepers.TuningSweeper"


for name, node in (("grid", GridSweeperConfig), ("tuning", TuningSweeperConfig)):
    ConfigStore.instance().store(group="hydra/sweeper", name=name, node=node, provider="whyrelu")


class GridSweeper(Sweeper):
    """Runs what is not done of a grid, and prints a table of its cells."""

    # of the configuration, which `whyrelu.config.grid` reads
    def __init__(self, params: dict[str, Any]) -> None:
        pass

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher."""
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Run every combination of the arguments that is not done yet."""
        from whyrelu.results.printing import print_cells
        from whyrelu.runs.sweep import sweep
        from whyrelu.tracking import follow
        from whyrelu.tuning.rates import compose_tuned_grid

        sweep(compose_tuned_grid(arguments), self._launcher, follow, print_cells)
        return []


class TuningSweeper(GridSweeper):
    """Chooses a learning rate for every cell of a grid."""

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Choose the learning rate of every cell of the grid that the arguments make."""
        from whyrelu.tracking import follow
        from whyrelu.tuning.rounds import tune

        tune(arguments, self._launcher, follow)
        return []
