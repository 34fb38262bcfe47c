"""How commands end; here of a few lines, so that each can be told to in whatever it is at."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SOURCE = Path(__file__).parents[1] / "src"
START = """
import os, signal, subprocess, sys, threading, time
from whyrelu.interruption import at_end, end_command, end_on_signals, end_with_parent, ended_by_others
end_on_signals()
"""
READY = "print('ready', flush=True)\n"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command, and returns it when it says that it is ready."""
    started = []

    def begin(program: str, ignored: signal.Signals | None = None) -> "subprocess.Popen[str]":
        def set_signals() -> None:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

        process = subprocess.Popen(
            [sys.executable, "-c", START + program],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=set_signals,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def session(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    found = []
    for other in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(other.pid) == process.pid and other.status() != psutil.STATUS_ZOMBIE:
                found.append(other)
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def line(number: signal.Signals) -> str:
    said = "what is finished is kept, and the same command goes on where this one stopped"
    return f"error: interrupted by {number.name}; {said}\n"


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("is_group", [False, True])
@pytest.mark.parametrize(
    "what",
    [
        "time.sleep(600)",
        "while True: pass",
        "threading.Lock().acquire(); lock = threading.Lock(); lock.acquire(); lock.acquire()",
        "while True:\n  try: time.sleep(600)\n  except BaseException: pass",
        "signal.signal(signal.SIGTERM, print); signal.signal(signal.SIGINT, print); time.sleep(600)",
        "sys.stderr.write('');\nwith open('/dev/null') as file:\n  os.read(os.pipe()[0], 1)",
    ],
    ids=["asleep", "busy", "waiting for a lock", "catching all", "with handlers of a library", "reading"],
)
def test_a_command_ends_in_one_line_whatever_it_is_at(
    start: Start, number: signal.Signals, is_group: bool, what: str
) -> None:
    process = start(READY + what)
    (os.killpg if is_group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, line(number))


CHILD = "[sys.executable, '-c', 'import time; time.sleep(600)']"
FAMILY = f"""
subprocess.Popen([sys.executable, '-c', "import subprocess, sys; subprocess.Popen({CHILD}).wait()"])
subprocess.Popen({CHILD})
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("is_group", [False, True])
def test_all_that_it_started_ends_with_it_and_says_nothing(
    start: Start, number: signal.Signals, is_group: bool
) -> None:
    process = start(FAMILY + READY + "time.sleep(600)")
    wait_until(lambda: len(session(process)) == 4)
    (os.killpg if is_group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, line(number))
    wait_until(lambda: not session(process))


def test_further_signals_change_nothing(start: Start) -> None:
    process = start(FAMILY + READY + "time.sleep(600)")
    for _ in range(20):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, line(signal.SIGINT))


@pytest.mark.parametrize("further", ["", "; true"], ids=["a shell that may become the script", "one that waits"])
def test_a_script_that_a_shell_was_given_ends_with_what_started_the_shell(tmp_path: Path, further: str) -> None:
    script = tmp_path / "stage.py"
    script.write_text(START + "end_with_parent(end=end_command)\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n")
    command = f"{sys.executable} {script}{further}"
    between = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run(['/bin/sh', '-c', {command!r}])"],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert between.stdout is not None
    found = psutil.Process(int(between.stdout.readline()))
    try:
        os.kill(between.pid, signal.SIGKILL)
        assert psutil.wait_procs([found], timeout=60)[1] == []
    finally:
        with suppress(ProcessLookupError):
            os.killpg(between.pid, signal.SIGKILL)
        between.communicate()


def test_a_signal_that_was_ignored_stays_so(start: Start) -> None:
    process = start(READY + "sys.stdin.read(); time.sleep(600)", ignored=signal.SIGHUP)
    os.kill(process.pid, signal.SIGHUP)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, line(signal.SIGTERM))


def test_what_lives_elsewhere_is_ended_only_while_it_lives(start: Start) -> None:
    process = start(
        """
with at_end(lambda: print('no longer', flush=True)):
    pass
def fail(): raise ValueError
with at_end(lambda: print('ended', flush=True)), at_end(fail), at_end(lambda: print('the last is first', flush=True)):
    print('ready', flush=True)
    time.sleep(600)
"""
    )
    os.kill(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert output == "the last is first\nended\n"
    assert errors == line(signal.SIGTERM)


def test_an_action_that_hangs_does_not_keep_the_command(start: Start) -> None:
    process = start("with at_end(lambda: time.sleep(600)):\n  print('ready', flush=True)\n  time.sleep(600)")
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_main_thread_that_comes_to_its_end_meanwhile_takes_nothing_away(start: Start) -> None:
    process = start(
        """
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
ending = threading.Event()
def act():
    ending.set()
    time.sleep(0.6)
with at_end(act):
    print('ready', flush=True)
    ending.wait()
"""
    )
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    # they are killed with it, not before it
    wait_until(lambda: not session(process))


def test_a_pipe_that_nobody_reads_does_not_keep_the_command(start: Start) -> None:
    process = start("os.set_blocking(2, False)\ntry:\n  while True: os.write(2, b'.' * 65536)\n"
                    "except BlockingIOError: os.set_blocking(2, True)\n" + READY + "time.sleep(600)")  # fmt: skip
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=60) == 143


def test_children_that_others_end_by_signals_can_be_ended_so(start: Start) -> None:
    process = start(
        f"""
with ended_by_others():
    child = subprocess.Popen({CHILD})
child.terminate()
code = child.wait()
deaf = subprocess.Popen({CHILD})
deaf.terminate()
try: deaf.wait(0.5)
except subprocess.TimeoutExpired: alive = code == -15
assert alive
print('ready', flush=True)
deaf.kill()
time.sleep(600)
"""
    )
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert errors == line(signal.SIGTERM)


def test_a_worker_ends_when_what_started_it_was_killed(start: Start) -> None:
    worker = "from whyrelu.interruption import end_with_parent; import time; end_with_parent(); time.sleep(600)"
    process = start(
        f"child = subprocess.Popen([sys.executable, '-c', {worker!r}])\ntime.sleep(0.5)\n{READY}child.wait()"
    )
    wait_until(lambda: len(session(process)) == 2)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not session(process))
