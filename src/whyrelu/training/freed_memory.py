"""What becomes of memory that tensors have freed."""

from __future__ import annotations

import ctypes
import sys


def keep_freed_memory() -> bool:
    """Have tensors that are freed leave their memory to the next ones, instead of giving it back to the system.

    A training step on a CPU allocates and frees the same large tensors again and again. By default glibc may return
    each to the system, which hands out zeroed pages anew at the next step, one page fault per 4 KiB.

    Returns:
        whether the C library could be told; one that is not glibc is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
    return mallopt is not None and all(mallopt(option, 2**30) == 1 for option in (-1, -3))
