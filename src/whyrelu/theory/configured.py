"""Predictions for resolved configurations and their data."""

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from whyrelu.config.targets import bind
from whyrelu.data.arrays import Arrays, load
from whyrelu.errors import UserError, one_line
from whyrelu.network.activations import activation_factory
from whyrelu.network.initialisation import Layer, Variances
from whyrelu.network.scalar import scalar_function
from whyrelu.theory.inputs import input_statistics
from whyrelu.theory.moments import Moments
from whyrelu.theory.plan import read_plan
from whyrelu.theory.prediction import InputStatistics, PlannedLayer, Prediction, predict


class Theory:
    """Predictions for configurations; what these have in common is computed once."""

    def __init__(self) -> None:
        self._moments: dict[str, Moments] = {}
        self._variances: dict[str, Callable[[Layer], Variances]] = {}
        self._inputs: dict[Path, tuple[InputStatistics, Arrays]] = {}

    def of(self, config: Mapping[str, Any]) -> Prediction:
        """Return the prediction for one configuration; nan for a model or a norm that the theory does not know."""
        planned = self.planned(config)
        if planned is None:
            nothing = np.full(config["depth"], np.nan)
            return Prediction(nothing, nothing, nothing, nothing, nothing, decades=np.nan, xi=np.nan)
        return predict(self.moments(config), planned[0], self._input(config)[0], batch_norm=planned[1])

    def moments(self, config: Mapping[str, Any]) -> Moments:
        """Return the moments of the activation of a configuration."""
        key = _key(config, "activation")
        if key not in self._moments:
            self._moments[key] = Moments(scalar_function(activation_factory(config["activation"])()))
        return self._moments[key]

    def planned(self, config: Mapping[str, Any]) -> tuple[list[PlannedLayer], bool] | None:
        """Return the layers of a configuration and whether it has batch norm; None if the theory does not know it.

        A UserError where the model, the norm or the init cannot be called as those of the project are.
        """
        key = _key(config, "activation", "init")
        try:
            if key not in self._variances:
                activation = activation_factory(config["activation"])()
                self._variances[key] = cache(partial(bind("init", config["init"]), activation))
            return read_plan(config, self._input(config)[1], self._variances[key])
        except UserError:
            raise
        except Exception as error:  # whatever callables of a person's own raise
            targets = ", ".join(f"{group}._target_={config[group]['_target_']}" for group in ("model", "norm", "init"))
            raise UserError(f"no network can be made of {targets}: {one_line(error)}") from error

    def _input(self, config: Mapping[str, Any]) -> tuple[InputStatistics, Arrays]:
        folder = Path(config["prepared_root"]) / config["data"]["name"]
        if folder not in self._inputs:
            arrays = load(folder)
            self._inputs[folder] = input_statistics(arrays), arrays
        return self._inputs[folder]


def _key(config: Mapping[str, Any], *names: str) -> str:
    return json.dumps([config[name] for name in names], sort_keys=True)
