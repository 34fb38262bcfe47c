"""Numbers and counts in the sentences of the ledger."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from whyrelu.claims.verdict import INCONCLUSIVE, Test


def number(value: float) -> str:
    """Three significant digits; "nan" is "unknown"."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{value:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    return f"{value:.1e}"


def signed(value: float) -> str:
    """As `number`, with its sign."""
    return ("+" if value > 0 else "") + number(value)


def percent(fraction: float) -> str:
    """A fraction as a percentage: "7.3%", whole numbers from 10% on."""
    if math.isnan(fraction):
        return "unknown"
    value = 100 * fraction
    if value == 0 or value >= 9.95:
        return f"{value:.0f}%"
    return f"{value:.1f}%" if value >= 0.05 else "below 0.1%"


def between(low: float, high: float, unit: str = "") -> str:
    """An interval: "[-0.3, 1.2]"; empty if there is none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(low)}{unit}, {number(high)}{unit}]"


def of_test(test: Test) -> str:
    """An estimate with its interval: "+52.8 [45.1, 60.3] points"."""
    interval = between(test.low, test.high)
    return " ".join(part for part in (signed(test.effect), interval, test.unit) if part)


def listed(parts: Iterable[str]) -> str:
    """Words in a row: "a, b and c"."""
    words = list(parts)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def depths(values: Iterable[int | None]) -> str:
    """Depths in words: "depth 4", "depths 4, 8 and 16"."""
    found = [str(value) for value in values if value is not None]
    return f"depth{'s' if len(found) > 1 else ''} {listed(found)}"


def each_depth(tests: Sequence[Test], text: Callable[[float], str] = number) -> str:
    """Estimates with their intervals by depth: "1.1 [1.07, 1.14] at depth 2, ...".

    Args:
        tests: of depths.
        text: makes words of a number.
    """
    parts = []
    for test in tests:
        ends = "" if math.isnan(test.low) else f" [{text(test.low)}, {text(test.high)}]"
        where = "" if test.depth is None else f" at depth {test.depth}"
        parts.append(f"{text(test.effect)}{ends}{where}")
    return ", ".join(parts)


def outcomes(tests: Sequence[Test], words: Mapping[str, str]) -> str:
    """At which depths tests come out how: "better at depths 2 and 4, and not told apart at depth 8".

    Args:
        tests: of depths.
        words: for each outcome, in the order of the sentence.
    """
    return listed(
        f"{text} at {depths(test.depth for test in chosen)}"
        for outcome, text in words.items()
        if (chosen := [test for test in tests if test.outcome == outcome])
    )


def advice(tests: Sequence[Test]) -> str:
    """What would settle inconclusive tests, as the end of a sentence; empty if that cannot be said."""
    needed = [test.seeds_needed for test in tests if test.outcome == INCONCLUSIVE and test.seeds_needed is not None]
    if not needed:
        return ""
    return f"; with about {max(needed)} seeds per arm an effect as seen here would be settled (power 80%)"
