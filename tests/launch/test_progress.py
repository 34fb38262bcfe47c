import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from whyrelu.launch import progress
from whyrelu.launch.events import Event, EventReader, emit
from whyrelu.launch.progress import SweepDisplay


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.002)
    return clock


class Reader(EventReader):
    """Counts how often everything that is there was read."""

    looks = 0

    def new(self) -> Iterator[Event]:
        yield from super().new()
        self.looks += 1


class Sweep:
    """A display, what it prints, and what happens to it."""

    def __init__(
        self, directory: Path, runs: int, terminal: bool = False, on_finished: Callable[[str], None] | None = None
    ) -> None:
        self.output = io.StringIO()
        self.finished: list[str] = []
        self.directory = directory
        self.reader = Reader(directory)
        self.display = SweepDisplay(
            {f"r{n}": f"seed={n}" for n in range(runs)},
            self.reader,
            Console(file=self.output, width=200, force_terminal=terminal, legacy_windows=False),
            on_finished or self.finished.append,
        )

    def tell(self, kind: str, *runs: int, text: str = "", seconds: float = 0.0) -> None:
        """Let something happen and wait until it is shown."""
        for run in runs:
            emit(self.directory, Event(kind, f"r{run}", text, seconds))
        # the look that was under way may have missed it, the one after that has not
        looks, deadline = self.reader.looks + 2, time.monotonic() + 10
        while self.reader.looks < looks:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()


def test_counts_of_what_is_finished_running_failed_and_left(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 6)
    with sweep.display as display:
        assert display.summary() == "0 finished, 0 running, 0 failed, 6 remaining, time left unknown"
        sweep.tell("started", 0, 1, 2)
        assert display.summary() == "0 finished, 3 running, 0 failed, 3 remaining, time left unknown"
        clock.now += 10
        sweep.tell("completed", 0)
        sweep.tell("failed", 1, text="broken")
        assert display.summary().startswith("2 finished, 1 running, 1 failed, 3 remaining, ")
        sweep.tell("diverged", 2)
        sweep.tell("skipped", 5)
        assert display.summary().startswith("4 finished, 0 running, 1 failed, 2 remaining, ")
        assert display.failures == {"r1": "broken"}


def test_one_line_per_finished_run(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 12)
    with sweep.display:
        sweep.tell("started", 0, 1, 2, 3)
        assert sweep.lines == []
        clock.now += 5
        sweep.tell("completed", 0, text="test accuracy 0.950", seconds=4.26)
        sweep.tell("failed", 3, text="UserError: no such [file]")
        sweep.tell("skipped", 2, text="test accuracy 0.100, at chance")
    assert sweep.lines == [
        "[ 1/12] seed=0  test accuracy 0.950  4.3 s  (55 s left)",
        "[ 2/12] seed=3  failed: UserError: no such [file]  (25 s left)",
        "[ 3/12] seed=2  test accuracy 0.100, at chance  (15 s left)",
    ]
    assert sweep.finished == ["r0", "r3", "r2"]


def test_what_comes_back_with_the_launcher_is_counted_once(tmp_path: Path, clock: Clock) -> None:
    sweep, event = Sweep(tmp_path, 3), Event("completed", "r0", "test accuracy 0.950", 4.26)
    with sweep.display as display:
        sweep.tell("started", 0, 1)
        display.take(event)
        assert display.ended_and_running() == ({"r0"}, {"r1"})
        # a disk that is slow shows it later
        sweep.tell("completed", 0, text="test accuracy 0.950", seconds=4.26)
        sweep.tell("failed", 1, text="broken")
        display.take(Event("failed", "r1", "broken"))
    assert len(sweep.lines) == 2
    assert sweep.finished == ["r0", "r1"]
    assert display.failures == {"r1": "broken"}


def test_labels_and_reasons_are_shown_as_they_are(tmp_path: Path, clock: Clock) -> None:
    output = io.StringIO()
    display = SweepDisplay(
        {"a": "activation=[bold]x[/bold] betas=[0.9,0.99]"}, EventReader(tmp_path), Console(file=output, width=40)
    )
    with display:
        emit(tmp_path, Event("failed", "a", "[/] is no tag, and a line may be longer than the terminal is wide"))
    (line,) = output.getvalue().splitlines()
    assert "activation=[bold]x[/bold] betas=[0.9,0.99]  failed: [/] is no tag, and a line may be longer" in line


def test_a_run_without_a_label_is_shown_by_its_id(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 1)
    with sweep.display:
        sweep.tell("completed", 7, text="done")
    assert "r7  done" in sweep.lines[0]


def test_a_failure_that_later_succeeds_is_no_failure(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 2)
    with sweep.display as display:
        sweep.tell("started", 0)
        sweep.tell("failed", 0, text="broken")
        assert "1 finished, 0 running, 1 failed, 1 remaining" in display.summary()
        sweep.tell("started", 0)
        sweep.tell("completed", 0)
        assert "1 finished, 0 running, 0 failed, 1 remaining" in display.summary()
    assert display.failures == {}
    assert sweep.finished == ["r0", "r0"]


@pytest.mark.parametrize(
    ("seconds_per_run", "words"),
    [
        (0.04, "0 s left"),
        (1, "10 s left"),
        (8.9, "89 s left"),
        (9, "2 min left"),
        (60, "10 min left"),
        (530, "88 min left"),
        (540, "1.5 h left"),
        (36000, "100.0 h left"),
    ],
)
def test_time_left_in_words(tmp_path: Path, clock: Clock, seconds_per_run: float, words: str) -> None:
    sweep = Sweep(tmp_path, 12)
    with sweep.display as display:
        sweep.tell("started", 0, 1)
        clock.now += 2 * seconds_per_run
        sweep.tell("completed", 0, 1)
        assert display.time_left() == words


def test_time_left_goes_down_to_nothing(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 3)
    with sweep.display as display:
        sweep.tell("started", 0, 1, 2)
        left = []
        for run in range(3):
            clock.now += 20
            sweep.tell("completed", run)
            left.append(display.time_left())
    assert left == ["40 s left", "20 s left", "0 s left"]


def test_runs_that_start_and_end_between_two_looks_have_taken_time(tmp_path: Path, clock: Clock) -> None:
    # the clock that is read when an event is seen would say that a hundred runs take no time at all
    sweep = Sweep(tmp_path, 101)
    emit(tmp_path, Event("started", "r0", ""))
    emit(tmp_path, Event("completed", "r0", "", seconds=3.0))
    with sweep.display as display:
        sweep.tell("started", 1)
        assert display.time_left() != "0 s left"


def test_what_happened_last_is_seen_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "POLL_SECONDS", 60)
    sweep = Sweep(tmp_path, 2)
    with sweep.display as display:
        emit(tmp_path, Event("failed", "r1", "broken"))
    assert display.failures == {"r1": "broken"}
    assert len(sweep.lines) == 1
    assert not any(thread.name == "sweep display" for thread in threading.enumerate())


def test_an_error_within_ends_the_display_and_passes(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 2)
    with pytest.raises(RuntimeError, match="of the launcher"), sweep.display:
        emit(tmp_path, Event("failed", "r1", "broken"))
        raise RuntimeError("of the launcher")
    assert sweep.display.failures == {"r1": "broken"}
    assert not any(thread.name == "sweep display" for thread in threading.enumerate())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_failures_are_counted_even_if_the_tracker_breaks(tmp_path: Path, clock: Clock) -> None:
    # the exit code of a sweep is made of them
    def breaks(run_id: str) -> None:
        raise ValueError("no server")

    sweep = Sweep(tmp_path, 2, on_finished=breaks)
    with sweep.display:
        emit(tmp_path, Event("completed", "r0", ""))
        emit(tmp_path, Event("failed", "r1", "broken"))
    assert sweep.display.failures == {"r1": "broken"}


def test_a_terminal_shows_the_summary_instead_of_the_time_in_each_line(tmp_path: Path, clock: Clock) -> None:
    sweep = Sweep(tmp_path, 2, terminal=True)
    with sweep.display:
        sweep.tell("started", 0, 1)
        clock.now += 5
        sweep.tell("failed", 0, text="broken")
        sweep.tell("completed", 1, text="fine")
        time.sleep(0.3)  # the bar is drawn ten times a second
    shown = sweep.output.getvalue()
    assert "2 finished, 0 running, 1 failed, 0 remaining, 0 s left" in shown
    assert "\x1b[31m[1/2] seed=0  failed: broken" in shown
    assert "s left)" not in shown
