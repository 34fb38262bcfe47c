"""Hydra's sweepers of this project: the runs of a grid that are not done, and the rounds that choose learning rates.

`hydra/sweeper=grid` is the default, `hydra/sweeper=tuning` that of src/tune.py. Both use whatever launcher Hydra has.
"""

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(Sweeper):
    """Runs what is not done of a grid, and prints a table of its cells."""

    # what an experiment declares as `params`, such as {"depth": "4,8"}, is read by `whyrelu.config.grid`
    def __init__(self, params: dict[str, Any]) -> None:
        pass

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher."""
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run every combination of the arguments that is not done yet."""
        from whyrelu.results.printing import print_cells
        from whyrelu.runs.sweep import sweep
        from whyrelu.tracking import follow
        from whyrelu.tuning.rates import compose_tuned_grid

        sweep(compose_tuned_grid(arguments), self._launcher, follow, print_cells)


class TuningSweeper(GridSweeper):
    """Chooses a learning rate for every cell of a grid."""

    def sweep(self, arguments: list[str]) -> None:
        """Choose the learning rate of every cell of the grid that the arguments make."""
        from whyrelu.tracking import follow
        from whyrelu.tuning.rounds import tune

        tune(arguments, self._launcher, follow)


for name, sweeper in (("grid", GridSweeper), ("tuning", TuningSweeper)):
    node = {"_target_": f"hydra_plugins.whyrelu_sweepers.{sweeper.__name__}", "params": {}}
    ConfigStore.instance().store(group="hydra/sweeper", name=name, node=node, provider="whyrelu")
