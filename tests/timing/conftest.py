from __future__ import annotations

from pathlib import Path

import pytest
import torch
from whyrelu.config.composition import compose_grid

from whyrelu.data.prepare import prepare

TINY = ["experiment=digits", "width=2", "batch_size=16", "timing=quick"]


@pytest.fixture(autouse=True)
def restored_threads():
    """Timing pins threads; tests after these have as many as before."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def prepared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the digits are prepared."""
    root = tmp_path_factory.mktemp("data")
    prepare(compose_grid(["data=digits"])[0].config["data"], root)
    return root


@pytest.fixture
def configs(prepared_root: Path):
    """Makes the configurations of a grid of small nets."""

    def make(*overrides: str) -> list[dict]:
        jobs = compose_grid([f"prepared_root={prepared_root}", *TINY, *overrides], look_up=False)
        return [job.config for job in jobs]

    return make
