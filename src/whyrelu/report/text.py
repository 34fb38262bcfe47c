"""Numbers and lists in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "-"


def percent(fraction: float) -> str:
    """A fraction as percent with one decimal: 97.3%; a hyphen for nan."""
    return MISSING if math.isnan(fraction) else f"{number(fraction)}%"


def number(fraction: float) -> str:
    """A fraction in points with one decimal and no sign: 97.3; a hyphen for nan."""
    if math.isnan(fraction):
        return MISSING
    text = f"{100 * fraction:.1f}"
    return "0.0" if text == "-0.0" else text


def points(difference: float) -> str:
    """A difference of fractions in points with its sign: +3.2."""
    if math.isnan(difference):
        return MISSING
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("-0.0", "+0.0") else text


def listing(items: Sequence[object], conjunction: str = "and") -> str:
    """Items in a sentence: a, b and c."""
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 run, 10 runs."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
