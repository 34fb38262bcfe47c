"""How this process gets memory from the system."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST = 2**30


def keep_freed_memory() -> bool:
    """Have tensors that are freed leave their memory to the next ones, instead of giving it back to the system.

    A training step on a CPU allocates and frees the same large tensors again and again. By default glibc may return
    each to the system, which hands out zeroed pages anew at the next step, one page fault per 4 KiB: thousands per
    step, or hardly any, as the layout of the heap happens to be. What a process has at its peak it keeps to its end.

    Returns:
        Whether the C library could be told. One that is not glibc is left as it is; an older glibc, which takes no
        such threshold, still gives back what is beyond its own.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, _LARGEST) == 1 for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD))
