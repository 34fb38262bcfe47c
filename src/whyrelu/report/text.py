"""Numbers and lists in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from whyrelu.claims.words import number as significant

MISSING = "-"


def percent(fraction: float) -> str:
    """A fraction as percent with one decimal: 97.3%; a hyphen for nan."""
    return MISSING if math.isnan(fraction) else f"{number(fraction)}%"


def number(fraction: float) -> str:
    """A fraction in points with one decimal and no sign: 97.3; a hyphen for nan."""
    return tenths(100 * fraction)


def points(difference: float) -> str:
    """A difference of fractions in points with its sign: +3.2."""
    text = number(difference)
    return text if text in (MISSING, "0.0") or text.startswith("-") else f"+{text}"


def tenths(value: float) -> str:
    """One decimal, without the sign of zero; a hyphen for nan."""
    if math.isnan(value):
        return MISSING
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text


def in_unit(value: float, unit: str) -> str:
    """A number of a claim: points with one decimal, all others with three significant digits; a hyphen for nan."""
    if math.isnan(value):
        return MISSING
    return tenths(value) if unit == "points" else significant(value)


def estimate(value: float, low: float, high: float, unit: str) -> str:
    """An effect with its interval and unit: "67.0 [61.4, 72.7] points"; a hyphen for nan.

    Args:
        value: of the effect.
        low: end of its interval, nan if it has none.
        high: the other end.
        unit: of all three.
    """
    if math.isnan(value):
        return MISSING
    interval = "" if math.isnan(low) or math.isnan(high) else f" [{in_unit(low, unit)}, {in_unit(high, unit)}]"
    return f"{in_unit(value, unit)}{interval} {unit}".rstrip()


def probability(p: float) -> str:
    """A p value with two significant digits: 0.0004, 0.95, <0.0001; a hyphen for nan."""
    if math.isnan(p):
        return MISSING
    if p < 1e-4:
        return "<0.0001"
    return f"{p:.2g}"


def listing(items: Sequence[object], conjunction: str = "and") -> str:
    """Items in a sentence: a, b and c."""
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 run, 10 runs."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def at_depths(depths: Sequence[int], tried: Sequence[int] = ()) -> str:
    """Depths in a sentence: "at depth 2 and 4"; "at every depth tried (2, 4 and 8)" if they are all of several.

    Args:
        depths: ascending.
        tried: all that there are.
    """
    if len(depths) > 1 and list(depths) == list(tried):
        return f"at every depth tried ({listing(depths)})"
    return f"at depth {listing(depths)}"


def sentence(text: str, names: Sequence[str] = ()) -> str:
    """Words as a sentence, with a full stop, and a capital letter unless they begin with one of some names."""
    first = text.partition(" ")[0]
    return f"{text}." if first in names else f"{text[:1].upper()}{text[1:]}."
