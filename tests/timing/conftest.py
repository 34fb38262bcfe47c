from __future__ import annotations

import pytest
import torch

from whyrelu.config.grid import compose_grid

TINY = ["experiment=digits", "width=2", "batch_size=16", "timing=quick"]


@pytest.fixture(autouse=True)
def one_thread_at_first():
    """Tensors of tests are too small for more, and timing pins threads: tests after these have as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def configs():
    """Makes the configurations of a grid of small nets."""

    def make(*overrides: str) -> list[dict]:
        return [run.config for run in compose_grid([*TINY, *overrides])]

    return make
