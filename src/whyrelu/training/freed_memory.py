"""What becomes of memory that tensors have freed."""

from __future__ import annotations

import ctypes
import sys


def keep_freed_memory() -> bool:
    """Have tensors that are freed leave their memory to the next ones, instead of giving it back to the system.

    By default glibc may return large ones, which every step allocates anew, one page fault per 4 KiB. The answer is
    whether the C library could be told; one that is not glibc is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
    return mallopt is not None and all(mallopt(option, 2**30) == 1 for option in (-1, -3))
