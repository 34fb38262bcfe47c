"""What is timed of a study: its activations and depths, where everything else is as in the headline grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.results.labels import PAIR, facet_columns, facet_labels, series_labels
from whyrelu.results.reference import reference_label
from whyrelu.results.tables import planned_cells
from whyrelu.runs.identity import factors
from whyrelu.timing.steps import BASELINE, Place

Config = Mapping[str, Any]

# Of the nets whose gradients vanish: without any there would be no state to become subnormal.
_MOMENTUM = 0.9


@dataclass(frozen=True)
class Plan:
    """What is timed.

    Attributes:
        config: of one cell, for what all have in common.
        facet: label of the cells, empty if the study has no others.
        activations: of the study, by name, without the baseline.
        others: of conf/activation, as far as they are to be timed.
        depths: the study's own, with their activations and the baseline.
        widths: at one depth, without what `depths` has.
        vanishing: depths at which gradients vanish, ReLU and sigmoid.
    """

    config: Config
    facet: str
    activations: dict[str, Config]
    others: dict[str, Config]
    depths: list[Place]
    widths: list[Place]
    vanishing: list[Place]


def plan_timing(configs: Sequence[Config]) -> Plan:
    """Plan the timing of a study.

    Args:
        configs: resolved configurations of its runs, at least one; a learning rate may be "tuned".
    """
    # what rate a network learns with does not change how long a step takes
    known = [factors(config) for config in configs]
    cells = planned_cells([run | {"lr": 0.0} for run in known])
    columns = facet_columns(cells)
    cells = cells.assign(series=series_labels(cells), facet=facet_labels(cells, columns))
    facet = reference_label(cells, columns)
    own = cells[cells["facet"] == facet]
    named = {str(name): configs[run] for name, run in zip(own["series"], own["run"], strict=True)}
    config = next(iter(named.values()))
    shipped = shipped_activations()
    depths = []
    for depth, group in own.groupby("depth"):
        there = {str(name): configs[run] for name, run in zip(group["series"], group["run"], strict=True)}
        depths.append(_place(there, int(str(depth)), config["width"], shipped))
    settings = config["timing"]
    # the baseline is no operation at all
    activations = {name: own_config["activation"] for name, own_config in named.items() if name != BASELINE}
    others = {name: activation for name, activation in shipped.items() if name not in (*activations, BASELINE)}
    depth = settings["width_depth"] or depths[0].depth
    done = {(place.depth, place.width) for place in depths}
    pair = {name: named[name] for name in PAIR if name in named} or named
    widths = [_place(pair, depth, width, shipped) for width in sorted(settings["widths"]) if (depth, width) not in done]
    vanishing = [_vanishing(config, depth, shipped) for depth in sorted(settings["vanishing_depths"])]
    return Plan(config, facet, activations, others if settings["every_activation"] else {}, depths, widths, vanishing)


def shipped_activations() -> dict[str, Config]:
    """The activations of conf/activation by their names."""
    files = sorted((CONFIG_DIRECTORY / "activation").glob("*.yaml"))
    return {own["name"]: own for own in map(_option, files)}


def _option(path: Path) -> dict[str, Any]:
    """One file of a config group."""
    values = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _place(named: Mapping[str, Config], depth: int, width: int, shipped: Mapping[str, Config]) -> Place:
    configs = {name: {**config, "depth": depth, "width": width} for name, config in named.items()}
    if BASELINE not in configs:
        configs[BASELINE] = next(iter(configs.values())) | {"activation": shipped[BASELINE]}
    return Place(depth, width, configs)


def _vanishing(config: Config, depth: int, shipped: Mapping[str, Config]) -> Place:
    """ReLU and sigmoid from PyTorch's default weights, without norm: what makes gradients vanish.

    In float32, with one thread, which the switch belongs to, and with momentum, whatever the study has.
    """
    changed = {
        "depth": depth,
        "precision": "32-true",
        "init": _option(CONFIG_DIRECTORY / "init" / "pytorch.yaml"),
        "norm": _option(CONFIG_DIRECTORY / "norm" / "none.yaml"),
        "optimizer": _option(CONFIG_DIRECTORY / "optimizer" / "sgd.yaml") | {"momentum": _MOMENTUM},
        "trainer": {**config["trainer"], "threads": 1},
    }
    configs = {name: {**config, **changed, "activation": shipped[name]} for name in PAIR}
    return Place(depth, config["width"], configs)
