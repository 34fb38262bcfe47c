import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_STARTED = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("soak")
    group.addoption("--soak-seconds", type=float, default=0.0, help="soak tests begin within that time; 0: no bound")
    group.addoption("--soak-seed", default="0", help="text that order and draws of the soak tests follow from")


def pytest_report_header(config: pytest.Config) -> str:
    return f"soak: --soak-seconds {config.option.soak_seconds:g} --soak-seed {config.option.soak_seed!r}"


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_STARTED] = time.monotonic()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    soak = [item for item in items if item.get_closest_marker("soak")]
    random.Random(config.option.soak_seed).shuffle(soak)
    items[:] = [item for item in items if not item.get_closest_marker("soak")] + soak


def _seconds_left(config: pytest.Config) -> float:
    bound = config.option.soak_seconds or math.inf
    return bound - (time.monotonic() - config.stash[_STARTED])


# before fixtures, of which some take minutes
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("soak") and _seconds_left(item.config) <= 0:
        pytest.skip("the time of --soak-seconds is over")


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> float:
    """Seconds that a test which could go on for ever may take: half of what is left; infinite without a bound."""
    return _seconds_left(request.config) / 2


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """What a soak test draws from; the same for the same --soak-seed."""
    return random.Random(f"{request.config.option.soak_seed} {request.node.nodeid}")


@pytest.fixture(autouse=True)
def _process_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `reporting_errors` sets for the whole process is put back after each test."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "path", list(sys.path))


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
