"""Doing for many files what waits for the disk, some steps ahead of who needs it where that is worth it."""

from __future__ import annotations

import time
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
# Threads that do not wait take the interpreter from each other at every file, which makes them half as fast as one; so
# they are started where a portion waits this many times as long as it computes.
_WAITING = 3


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the results of a function in the order of its items.

    They are computed when they are asked for, as long as that does not wait; then in threads, some steps before that.

    Args:
        function: may be called in several threads at once; what it raises is raised in place of the results of its
            portion.
        items: gone through once, as far as is needed.
    """
    rest = iter(items)
    while portion := list(islice(rest, _PORTION)):
        begin, computed = time.perf_counter(), time.thread_time()
        results = [function(item) for item in portion]
        computed = time.thread_time() - computed
        has_waited = time.perf_counter() - begin > (1 + _WAITING) * computed
        yield from results
        if has_waited:
            yield from _in_threads(function, rest)


def _in_threads(function: Callable[[Item], Result], rest: Iterator[Item]) -> Iterator[Result]:
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
