from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _short_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts that a test runs in its own process set this for good, and those of later tests would inherit it."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tensors of tests are too small for more: threads would only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the digits are prepared."""
    from whyrelu.config.grid import compose
    from whyrelu.data.prepare import prepare

    folder = tmp_path_factory.mktemp("data")
    prepare(compose([])["data"], folder)
    return folder
