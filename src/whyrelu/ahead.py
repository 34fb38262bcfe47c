"""Doing for many files what waits for the disk, some steps ahead of who needs it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Files that are waited for at once; a disk that is far away, or spins, answers many as fast as one.
_THREADS = 8
# Items of one step, so that handing them over costs little beside a file.
_PORTION = 64
_STEPS_AHEAD = 2 * _THREADS


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the results of a function in the order of its items, computed in threads before they are asked for.

    Args:
        function: may be called in several threads at once; what it raises is raised in its place.
        items: gone through once, as far as is needed.
    """
    rest = iter(items)
    waiting: deque[Future[list[Result]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            while True:
                while len(waiting) < _STEPS_AHEAD and (portion := list(islice(rest, _PORTION))):
                    waiting.append(pool.submit(lambda part: [function(item) for item in part], portion))
                if not waiting:
                    return
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
