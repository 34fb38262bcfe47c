"""What a launcher says of a worker that died, in words for a person."""

from __future__ import annotations

import re

from whyrelu.errors import one_line

# What is likely behind a signal; the system tells no more.
_LIKELY = {
    "SIGKILL": "killed by SIGKILL, perhaps out of memory",
    "SIGSEGV": "segmentation fault (SIGSEGV)",
    "SIGABRT": "aborted (SIGABRT)",
    "SIGBUS": "bus error (SIGBUS), perhaps a full shared memory",
}
# How loky lists the workers that had ended when it saw the first: {SIGKILL(-9), EXIT(3)}
_EXITS = re.compile(r"exit codes of the workers are \{([^}]*)\}")
_EXIT = re.compile(r"(\w+)\((-?\d+)\)")
# Longer than this nobody reads what a launcher says.
_LONGEST = 300


def how_it_died(error: BaseException) -> str:
    """Return how a worker died, as far as the error of its launcher tells: a signal, or an exit code."""
    said = one_line(error)
    if listed := _EXITS.search(said):
        ends = [_end(name, int(code)) for name, code in _EXIT.findall(listed[1])]
        return " or ".join(dict.fromkeys(ends)) or "its exit code is not known"
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


def _end(name: str, code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return _LIKELY.get(name, f"killed by {name}")
