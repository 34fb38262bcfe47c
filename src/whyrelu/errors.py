"""Errors that a person can act on: one line that says what is wrong and what would be right."""

import difflib
import sys
from collections.abc import Iterable


class UserError(Exception):
    """Something outside the code is wrong (a setting, a file, a server); the message is one clear line."""


class DataError(UserError):
    """A data set is missing, damaged or not what was asked for."""


class UnknownNameError(UserError):
    """A name that is not among the valid ones; the message names the nearest and lists all."""

    def __init__(self, what: str, name: str, options: Iterable[str]) -> None:
        super().__init__(what, name, sorted(options))

    def __str__(self) -> str:
        what, name, valid = self.args
        near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"unknown {what} {name!r}: {hint}Valid: {', '.join(valid)}"


def notice(message: str) -> None:
    """Print one line to standard error: about damage that is being repaired, say."""
    print(" ".join(message.split()), file=sys.stderr, flush=True)


def one_line(error: BaseException) -> str:
    """Return an error as one line; one that was not foreseen is given with its type."""
    message = " ".join(str(error).split())
    return message if isinstance(error, UserError) else f"{type(error).__name__}: {message}"
