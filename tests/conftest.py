import math
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TIME_IS_OVER = "the time of --soak-seconds is over"
_STARTED = pytest.StashKey[float]()
# skips that are not of the soak's bound, in words: CI fails with any
_UNEXPECTED: list[str] = []


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
        pytest.skip(TIME_IS_OVER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed and item.get_closest_marker("soak"):
        report.sections.append(("soak", f"--soak-seed {item.config.option.soak_seed!r}"))
    return report


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and TIME_IS_OVER not in str(report.longrepr):
        _UNEXPECTED.append(f"{report.nodeid}: {report.longrepr}")


pytest_runtest_logreport = pytest_collectreport = _note_skip


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _UNEXPECTED and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _UNEXPECTED and os.environ.get("CI"):
        terminalreporter.section("skips that CI does not expect", red=True)
        terminalreporter.write("\n".join(_UNEXPECTED) + "\n")


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> float:
    """Seconds that a test which could go on for ever may take: half of what is left; infinite without a bound."""
    return _seconds_left(request.config) / 2


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """What a soak test draws from; the same for the same --soak-seed."""
    return random.Random(f"{request.config.option.soak_seed} {request.node.nodeid}")


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
