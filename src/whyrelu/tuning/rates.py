"""results/<study>/lr.csv: the chosen rates, as `lr=tuned` looks them up."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from whyrelu.config.grid import Run, compose_grid
from whyrelu.config.schema import TUNED
from whyrelu.errors import UserError
from whyrelu.runs.identity import tuning_cell


def rates_file(study: str) -> Path:
    """Where the chosen rates of a study are."""
    return Path("results") / study / "lr.csv"


def rate_at(step: int) -> float:
    """The rate at a step of the grid: sqrt(10) ** step, rounded to what can be typed, such as 0.0316."""
    return float(f"{10 ** (step / 2):.3g}")


def step_of(rate: float) -> int:
    """The step of the grid nearest to a rate."""
    return round(2 * math.log10(rate))


def chosen_rates(path: Path) -> dict[str, float]:
    """The rates in a file by the id of their cell; none without the file, a UserError if it is damaged."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rates = {row["cell"]: float(row["lr"]) for row in csv.DictReader(file)}
        if not all(math.isfinite(rate) and rate > 0 for rate in rates.values()):
            raise ValueError("a rate is no number above 0")
    except FileNotFoundError:
        return {}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is damaged ({error}): python src/tune.py writes it again") from None
    return rates


def with_tuned_rate(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its learning rate looked up if it is given as "tuned"; a UserError if none was chosen."""
    return {**config, "lr": _tuned_rate(config)} if config["lr"] == TUNED else config


def compose_tuned_grid(overrides: Sequence[str]) -> list[Run]:
    """Compose a grid, learning rates looked up as in `with_tuned_rate`."""
    return compose_grid(overrides, partial(_tuned_rate, read=cache(chosen_rates)))


def _tuned_rate(config: Mapping[str, Any], read: Callable[[Path], dict[str, float]] = chosen_rates) -> float:
    path = rates_file(config["study"])
    found = read(path).get(tuning_cell(config))
    if found is None:
        typed = f"activation={config['activation']['name']} depth={config['depth']}"
        where = f"{path} has none for {typed} with these settings" if path.is_file() else f"there is no {path}"
        raise UserError(
            f"lr=tuned needs a learning rate that was chosen, and {where}: python src/tune.py -m "
            f"experiment={config['study']} with the settings of the sweep chooses it; or give a number, such as "
            f"lr={config['optimizer'].get('default_lr', 0.01)}"
        )
    return found
