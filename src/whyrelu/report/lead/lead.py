"""What a lead is."""

from __future__ import annotations

from typing import NamedTuple


class Lead(NamedTuple):
    """What a report begins with.

    Attributes:
        answer: in one or two sentences; empty if activations are all that there is to compare.
        notes: what its words mean, less loud; may be empty.
    """

    answer: str = ""
    notes: str = ""
