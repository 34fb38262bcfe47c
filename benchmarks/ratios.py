"""Medians and ratios of measurements that were repeated in turns."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Spread(NamedTuple):
    """Median, least and greatest of n repetitions."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise values.

        Raises:
            ValueError: there are none.
        """
        if not values:
            raise ValueError("nothing was measured")
        return cls(statistics.median(values), min(values), max(values), len(values))


def select(rows: Sequence[Row], **same: Any) -> list[Row]:
    """Return the rows that have these values."""
    return [row for row in rows if all(row[key] == value for key, value in same.items())]


def spread(rows: Sequence[Row], key: str, **same: Any) -> Spread | None:
    """Summarise a quantity over the repetitions of what has these values; None if it was not measured."""
    found = select(rows, **same)
    return Spread.of([row[key] for row in found]) if found else None


def ratio(rows: Sequence[Row], key: str, over: Mapping[str, Any], under: Mapping[str, Any]) -> Spread | None:
    """Summarise the ratio of a quantity, repetition by repetition; None if there is no repetition of both.

    Args:
        rows: each with a `repetition`.
        key: the quantity.
        over: values of the rows above the fraction bar.
        under: values of the rows below it.
    """
    above = {row["repetition"]: row[key] for row in select(rows, **over)}
    below = {row["repetition"]: row[key] for row in select(rows, **under)}
    both = sorted(above.keys() & below.keys())
    return Spread.of([above[repetition] / below[repetition] for repetition in both]) if both else None
