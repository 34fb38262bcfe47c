"""Which runs make a cell, and what cells and runs are called in MLflow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

# Part of every name; the other factors only where they tell cells apart.
ALWAYS_SHOWN = ("activation", "depth")
# The study is the experiment that the names are read in, and the seed tells the runs of a cell apart.
NEVER_SHOWN = ("study", "seed")
LONGEST_VALUE = 40


def shown_study(record: Mapping[str, Any]) -> str:
    """The experiment of MLflow that a run belongs to: runs that tune learning rates are kept apart from the study."""
    config = record["config"]
    return f"{config['study']} tuning" if config.get("purpose") == "tuning" else str(config["study"])


def cell_factors(record: Mapping[str, Any]) -> dict[str, Any]:
    """All factors of a run but its seed; runs of different code or data never share a cell, so these come last."""
    factors = {name: value for name, value in record["factors"].items() if name != "seed"}
    factors["data_fingerprint"] = record["data"]["fingerprint"] if record["data"] else None
    factors["code_version"] = record["provenance"]["code_version"]
    return factors


def cell_id(record: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that the runs of one cell have in common."""
    text = json.dumps(cell_factors(record), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cell_labels(cells: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name the cells of one study such as `relu depth=08 init=he`: short, distinct, and sorted as text as by number.

    Activation and depth are always named, any further factor only if cells would have the same name without it. So a
    learning rate that was tuned for each cell does not appear, and one that is itself being studied does.

    Args:
        cells: the factors of each cell by its id.

    Returns:
        The name of each cell by its id.
    """
    shown = list(ALWAYS_SHOWN)
    for name in dict.fromkeys(name for factors in cells.values() for name in factors):
        if name not in shown and name not in NEVER_SHOWN and _tells_apart(name, shown, cells.values()):
            shown.append(name)
    digits = {name: _digits(factors.get(name) for factors in cells.values()) for name in shown}
    # Two digits at once, so that a study which grows from depth 8 to 16 keeps its names.
    digits["depth"] = max(2, digits["depth"])
    return {cell: _label(factors, shown, digits) for cell, factors in cells.items()}


def run_label(cell_label: str, seed: int) -> str:
    """Name a run by its seed, and after its cell: charts show runs without the cell they belong to."""
    return f"seed={seed:02d} {cell_label}"


def _tells_apart(name: str, shown: Iterable[str], cells: Iterable[Mapping[str, Any]]) -> bool:
    values: dict[tuple[str, ...], str] = {}
    for factors in cells:
        alike = tuple(str(factors.get(key)) for key in shown)
        value = str(factors.get(name))
        if values.setdefault(alike, value) != value:
            return True
    return False


def _digits(values: Iterable[Any]) -> int:
    return max((len(str(value)) for value in values if _is_whole(value)), default=1)


def _label(factors: Mapping[str, Any], shown: Iterable[str], digits: Mapping[str, int]) -> str:
    words = [str(factors.get("activation"))]
    for name in shown:
        if name != "activation" and name in factors:
            value = factors[name]
            words.append(f"{name}={value:0{digits[name]}d}" if _is_whole(value) else f"{name}={_short(value)}")
    return " ".join(words)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
