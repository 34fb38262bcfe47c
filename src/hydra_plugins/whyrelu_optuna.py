"""Hydra plugin: `hydra/sweeper=optuna`, a search for the highest validation accuracy instead of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


# No `from __future__ import annotations` here: Hydra executes plugins outside sys.modules, where dataclasses cannot
# resolve annotations that are strings.
@dataclass
class OptunaSearchConfig:
    """The settings of hydra-optuna-sweeper, with defaults for this project; its samplers are chosen as there.

    Attributes:
        sampler: with seed 0 unless it is given one, so that the same command asks for the same runs.
        direction: of validation accuracy.
        n_trials: runs of the whole search, those that are done already included.
        n_jobs: trials that are chosen, and trained at once, before Optuna learns how they ended; the choice depends on
            this number.
        max_failure_rate: share of the trials of a batch that may fail without ending the search.
        params: the space, as an alternative to typing it: '+hydra.sweeper.params.lr="interval(0.001, 1.0)"'.
        storage: must be null: the run store keeps the trials, and a repeated search goes on from them.
        study_name: what the file of the search is called; a hash by default.
        custom_search_space: dotted path of a function (config, trial) that extends the space.
    """

    _target_: str = "hydra_plugins.whyrelu_optuna.OptunaSearch"
    # the sampler is made once it is known that Optuna is installed
    _recursive_: bool = False
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"optional sampler": "tpe"}])
    sampler: Any = None
    direction: str = "maximize"
    n_trials: int = 20
    n_jobs: int = 2
    max_failure_rate: float = 1.0
    params: dict[str, Any] = field(default_factory=dict)
    storage: str | None = None
    study_name: str | None = None
    custom_search_space: str | None = None


class OptunaName(SearchPathPlugin):
    """Gives `hydra/sweeper=optuna` the configuration above."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Replace what hydra-optuna-sweeper stored under this name; all plugins are imported when this is called."""
        ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaSearchConfig, provider="whyrelu")


class OptunaSearch(Sweeper):
    """Hands a search to `whyrelu.launch.search`, with whatever launcher is configured."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives."""
        self._given: dict[str, Any] = {"hydra_context": hydra_context, "task_function": task_function, "config": config}

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Search the space that the arguments and `hydra.sweeper.params` span."""
        from whyrelu.launch.search import search

        search(arguments, self._settings, **self._given)
        return []
