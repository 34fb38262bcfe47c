"""Memory that is freed stays with the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from whyrelu.config.composition import CONFIG_DIRECTORY

# Allocates and frees what a step of training does, and says how many pages the system handed out for it.
FAULTS = """
import resource, sys
import torch
from whyrelu.allocation import keep_freed_memory

def step():
    tensors = [torch.ones(2**21) for _ in range(4)]

if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(what: str) -> int:
    # otherwise glibc may keep it by itself, or not
    gives_back = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
    environment = os.environ | gives_back | {"PYTHONPATH": str(CONFIG_DIRECTORY.parent / "src")}
    found = subprocess.run(
        [sys.executable, "-c", FAULTS, what], env=environment, capture_output=True, text=True, check=True
    )
    return int(found.stdout)


def has_no_limit() -> bool:
    """Older versions of glibc take a threshold of 32 MiB at most."""
    library, version = platform.libc_ver()
    return library == "glibc" and tuple(map(int, version.split("."))) >= (2, 36)


@pytest.mark.skipif(not has_no_limit(), reason="this C library cannot be told, or to a part only")
def test_steps_reuse_the_memory_of_earlier_ones() -> None:
    # a step writes 8,192 pages of 4 KiB
    assert page_faults("keep") < 8192 < page_faults("leave")
