"""What belongs to a whole process that computes: what becomes of freed memory, and what float32 means."""

import ctypes
import sys

import torch


def keep_freed_memory() -> None:
    """Have tensors that are freed leave their memory to the next ones, instead of giving it back to the system.

    By default glibc may return large ones, which every step allocates anew, one page fault per 4 KiB.
    """
    if sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallopt"):
        # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
        for option in (-1, -3):
            ctypes.CDLL(None).mallopt(option, 2**30)


def set_fp32(precision: str) -> None:
    """Compute convolutions and matrix products in IEEE float32, or, if asked for, in TF32 with its 10 bits of mantissa.

    By default PyTorch's convolutions are TF32 on a GPU.
    """
    is_tf32 = precision == "tf32"
    # Lightning and others ask by the older names, and PyTorch does not answer while these differ from the newer one
    torch.backends.cudnn.allow_tf32 = is_tf32
    torch.set_float32_matmul_precision("high" if is_tf32 else "highest")
    torch.backends.fp32_precision = "tf32" if is_tf32 else "ieee"  # type: ignore[attr-defined]
