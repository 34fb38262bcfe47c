"""results/<study>/lr.csv: the chosen rates, as `lr=tuned` looks them up."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from whyrelu.config.grid import Run, compose, compose_grid
from whyrelu.config.schema import TUNED
from whyrelu.errors import UserError
from whyrelu.runs.identity import tuning_cell

# Significant digits of a rate, so that it can be typed: 0.0316 for 10 ** -1.5.
_DIGITS = 3


def rates_file(study: str) -> Path:
    """Where the chosen rates of a study are."""
    return Path("results") / study / "lr.csv"


def rate_at(step: int) -> float:
    """The rate at a step of the grid: sqrt(10) ** step, rounded to three digits."""
    return float(f"{10 ** (step / 2):.{_DIGITS}g}")


def step_of(rate: float) -> int:
    """The step of the grid nearest to a rate."""
    return round(2 * math.log10(rate))


def compose_tuned(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose one run, its learning rate looked up if it is given as "tuned".

    Raises:
        UserError: it cannot be composed, or no rate was chosen for its cell.
    """
    return with_tuned_rate(compose(overrides))


def with_tuned_rate(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its learning rate looked up, if it is given as "tuned"."""
    return {**config, "lr": tuned_rate(config)} if config["lr"] == TUNED else config


def compose_tuned_grid(overrides: Sequence[str]) -> list[Run]:
    """Compose a grid, learning rates looked up where they are given as "tuned".

    Raises:
        UserError: as for `compose_tuned`.
    """
    chosen = cache(chosen_rates)
    return compose_grid(overrides, lambda config: tuned_rate(config, chosen(rates_file(config["study"]))))


def tuned_rate(config: Mapping[str, Any], chosen: Mapping[str, float] | None = None) -> float:
    """The rate that was chosen for the cell of a configuration.

    Args:
        config: resolved, all but its learning rate.
        chosen: the rates of its study by cell; read from its file by default.

    Raises:
        UserError: none was chosen; the message says how to choose one.
    """
    path = rates_file(config["study"])
    found = (chosen_rates(path) if chosen is None else chosen).get(tuning_cell(config))
    if found is None:
        typed = f"activation={config['activation']['name']} depth={config['depth']}"
        where = f"{path} has none for {typed} with these settings" if path.is_file() else f"there is no {path}"
        raise UserError(
            f"lr=tuned needs a learning rate that was chosen, and {where}: python src/tune.py -m "
            f"experiment={config['study']} with the settings of the sweep chooses it; or give a number, such as "
            f"lr={config['optimizer'].get('default_lr', 0.01)}"
        )
    return found


def chosen_rates(path: Path) -> dict[str, float]:
    """The rates in a file by the id of their cell; empty if there is none.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rates = {row["cell"]: float(row["lr"]) for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is damaged ({error}): python src/tune.py writes it again") from None
    if not all(math.isfinite(rate) and rate > 0 for rate in rates.values()):
        raise UserError(f"{path} is damaged (a rate is no number above 0): python src/tune.py writes it again")
    return rates
