"""Predictions for resolved configurations and their data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from whyrelu.config.targets import bind
from whyrelu.data.arrays import Arrays, load
from whyrelu.errors import UserError, one_line
from whyrelu.network.activations import activation_factory
from whyrelu.network.initialisation import Layer, Variances
from whyrelu.network.scalar import scalar_function
from whyrelu.theory.inputs import input_statistics
from whyrelu.theory.mean_field import roundoff_depth
from whyrelu.theory.moments import Moments
from whyrelu.theory.plan import Plan, read_plan
from whyrelu.theory.prediction import InputStatistics, PlannedLayer, Prediction, predict

# In what convolutions are computed.
_ARITHMETIC = {
    "64-true": torch.float64,
    "32-true": torch.float32,
    "16-mixed": torch.float16,
    "bf16-mixed": torch.bfloat16,
}
# What a network depends on beside activation and initialisation.
_NETWORK = ("depth", "width", "model", "norm", "data", "prepared_root")


def scales(prediction: Prediction, precision: str) -> tuple[float, float]:
    """Depth scale xi, from the mean of ln chi over layers, and the depth at which images differ by round-off only.

    nan for a single layer, which has no chi.
    """
    with np.errstate(divide="ignore"):
        logarithms = np.log(prediction.chi[:-1])
    if len(logarithms) == 0 or not np.isfinite(logarithms).all():
        return float("nan"), float("nan")
    rate = float(logarithms.mean())
    eps = torch.finfo(_ARITHMETIC[precision]).eps
    return -1 / rate if rate else float("inf"), float(roundoff_depth(np.exp(rate), eps))


class Theory:
    """Predictions for configurations, each computed once, and so is what they have in common."""

    def __init__(self) -> None:
        self._predictions: dict[str, Prediction] = {}
        self._moments: dict[str, Moments] = {}
        self._variances: dict[str, dict[Layer, Variances]] = {}
        self._plans: dict[str, Plan | None] = {}
        self._inputs: dict[str, tuple[InputStatistics, Arrays]] = {}

    def of(self, config: Mapping[str, Any]) -> Prediction:
        """Return the prediction for one configuration; nan for a model or a norm that the theory does not know."""
        key = _key(config, "activation", "init", *_NETWORK)
        if key not in self._predictions:
            planned = self.planned(config)
            if planned is None:
                nothing = np.full(config["depth"], np.nan)
                self._predictions[key] = Prediction(*[nothing] * len(Prediction._fields))
            else:
                layers, batch_norm = planned
                self._predictions[key] = predict(self.moments(config), layers, self.inputs(config)[0], batch_norm)
        return self._predictions[key]

    def moments(self, config: Mapping[str, Any]) -> Moments:
        """Return the moments of the activation of a configuration."""
        key = _key(config, "activation")
        if key not in self._moments:
            self._moments[key] = Moments(scalar_function(activation_factory(config["activation"])()))
        return self._moments[key]

    def inputs(self, config: Mapping[str, Any]) -> tuple[InputStatistics, Arrays]:
        """Return the statistics of the prepared data of a configuration, and the data."""
        folder = Path(config["prepared_root"]) / config["data"]["name"]
        if str(folder) not in self._inputs:
            arrays = load(folder)
            self._inputs[str(folder)] = (input_statistics(arrays), arrays)
        return self._inputs[str(folder)]

    def planned(self, config: Mapping[str, Any]) -> tuple[list[PlannedLayer], bool] | None:
        """Return the layers of a configuration and whether it has batch norm; None if the theory does not know it.

        Raises:
            UserError: the model, the norm or the init cannot be called as those of the project are.
        """
        try:
            return self._planned(config)
        except UserError:
            raise
        except Exception as error:  # whatever callables of a person's own raise
            targets = ", ".join(f"{group}._target_={config[group]['_target_']}" for group in ("model", "norm", "init"))
            raise UserError(f"no network can be made of {targets}: {one_line(error)}") from error

    def _planned(self, config: Mapping[str, Any]) -> tuple[list[PlannedLayer], bool] | None:
        key = _key(config, *_NETWORK)
        if key not in self._plans:
            self._plans[key] = read_plan(config, self.inputs(config)[1])
        plan = self._plans[key]
        if plan is None:
            return None
        activation, scheme = activation_factory(config["activation"])(), bind("init", config["init"])
        known = self._variances.setdefault(_key(config, "activation", "init"), {})
        layers = []
        for i, convolution in enumerate(plan.convolutions):
            layer = Layer(convolution.fan_in, convolution.fan_out, is_hidden=i > 0)
            if layer not in known:
                known[layer] = scheme(activation, layer)
            bias = known[layer].bias if convolution.has_bias else 0.0
            layers.append(PlannedLayer(layer.fan_in * known[layer].weight, bias, convolution.pooled))
        return layers, plan.batch_norm


def _key(config: Mapping[str, Any], *names: str) -> str:
    return json.dumps([config[name] for name in names], sort_keys=True)
