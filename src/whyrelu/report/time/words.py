"""Times, ratios and machines in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whyrelu.claims.words import number
from whyrelu.report.text import MISSING, listing, plural
from whyrelu.statistics.summaries import Estimate

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them, three digits: "3.21 ms"."""
    if math.isnan(seconds):
        return MISSING
    factor, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{number(seconds / factor)} {unit}"


def ratio(value: Estimate) -> str:
    """A ratio with its interval, two decimals: "1.08 [1.06, 1.10]"."""
    if math.isnan(value.value):
        return MISSING
    interval = "" if math.isnan(value.low) else f" [{value.low:.2f}, {value.high:.2f}]"
    return f"{value.value:.2f}{interval}"


def percentage(value: Estimate) -> str:
    """A share with its interval, one decimal: "7.1% [6.5%, 7.8%]"."""
    interval = "" if math.isnan(value.low) else f" [{100 * value.low:.1f}%, {100 * value.high:.1f}%]"
    return f"{100 * value.value:.1f}%{interval}"


def elements(size: int) -> str:
    """A number of elements: "2^16" where it is a power of two."""
    power = size.bit_length() - 1
    return f"2^{power}" if size == 2**power else f"{size:,}"


def machine_text(timing: Mapping[str, Any]) -> str:
    """The machine that times are facts of, and what else it did."""
    machine, load, settings = timing["machine"], timing["load"], timing["settings"]
    caches = listing([f"{name} {size}" for name, size in machine["caches"].items()]) if machine["caches"] else ""
    device = f" on {machine['device_name'] or machine['device']}" if machine["device"] != "cpu" else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return (
        f"Timed{device} with {plural(machine['threads'], 'thread')} of {plural(machine['cores'], 'core')} of "
        f"{machine['cpu']} ({machine['instructions']}{f'; caches of a core: {caches}' if caches else ''}), Python "
        f"{machine['python']}, {versions}, precision {settings['precision']}, in {timing['seconds']:.0f} s. "
        f"{_load_text(load)}"
    )


def _load_text(load: Mapping[str, Any]) -> str:
    told = []
    if load["average_before"] is not None:
        told.append(
            f"load average {load['average_before']:.2f} before (it lags by a minute) and {load['average_after']:.2f} "
            "after"
        )
    if load["others_before"] is not None:
        told.append(
            f"other processes kept {load['others_before']:.2f} processors busy before and "
            f"{load['others_meanwhile']:.2f} meanwhile"
        )
    text = f"Load: {'; '.join(told)}." if told else "The load of the machine is not known."
    if load["is_busy"]:
        text += " **The machine was busy with something else: times may be too long, and intervals too wide.**"
    return text
