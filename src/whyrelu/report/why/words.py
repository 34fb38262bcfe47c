"""Numbers of very different sizes in words, and which of many activations a sentence names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from whyrelu.report.study import Facet, Study
from whyrelu.report.text import MISSING
from whyrelu.results.labels import PAIR

# With more activations than this, a sentence names only the extreme ones and those the project is about.
_MOST_NAMED = 6
_EXTREMES = 2


def short(value: float) -> str:
    """Two significant digits, plain or with an exponent: 0.046, 6.2, 130, 3.2e-7; a hyphen for nan."""
    if math.isnan(value):
        return MISSING
    rounded = float(f"{value:.1e}")
    if rounded == 0:
        return "0"
    if 1e-3 <= abs(rounded) < 1e4:
        places = max(0, 1 - math.floor(math.log10(abs(rounded))))
        return f"{rounded:.{places}f}"
    mantissa, exponent = f"{rounded:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def tenths(value: float) -> str:
    """One decimal, without the sign of zero; a hyphen for nan."""
    if math.isnan(value):
        return MISSING
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text


def ranked(values: Mapping[str, float], say: Callable[[str], str]) -> str:
    """Activations with what is said of each, largest value first; of many, both ends and relu and sigmoid.

    Args:
        values: by activation; those that are nan come last.
        say: gives the text for an activation.
    """
    order = sorted(values, key=lambda name: (math.isnan(values[name]), -values[name]))
    named = [
        name
        for i, name in enumerate(order)
        if len(order) <= _MOST_NAMED or i < _EXTREMES or i >= len(order) - _EXTREMES or name in PAIR
    ]
    others = len(order) - len(named)
    return ", ".join(f"{name} {say(name)}" for name in named) + (f" ({others} others in between)" if others else "")


def where(facet: Facet) -> str:
    """How a sentence on one of several facets begins."""
    return f"**{facet.label}.** " if facet.label else ""


def of(facet: Facet) -> str:
    """What is added to a title or caption on one of several facets."""
    return f" with {facet.label}" if facet.label else ""


def approximate_note(study: Study) -> str:
    """Which norms of gradients per image are approximate; empty if all are exact."""
    labels = [facet.label for facet in study.inspected if not facet.profiles["exact"].all()]
    if not labels:
        return ""
    which = f" with {' and '.join(labels)}" if any(labels) else ""
    return f" Batch normalisation mixes the images of a batch, so norms of gradients per image are approximate{which}."
