"""How a command ends when it is told to: at once, in one line, and with every process that it has started.

Nothing is unwound: what counts is written so that it survives a process that is killed at any moment, and an end by the
same way works at any moment too, within an import or within a library that has its own ideas of Ctrl-C.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Ctrl-C, what `kill` and batch systems send, and a terminal that is closed.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# Seconds that the actions at the end may take together.
ACTION_SECONDS = 3.0
# Seconds after which the process ends whatever holds it up, such as a terminal that does not take the line.
END_SECONDS = 4.5
# Seconds between two looks for the process that started this one.
PARENT_SECONDS = 0.5
_SHOW_CURSOR = b"\x1b[?25h"

_actions: list[Callable[[], object]] = []
_heard: set[signal.Signals] = set()
_ending = threading.Lock()


def end_on_signals() -> None:
    """Have this process, a command that somebody typed, end in order from here on; call it first, in the main thread.

    Signals that were ignored, as with nohup, stay so. A thread waits for the others, which are blocked in all other
    threads and in the processes that are started: those end with this one, and have nothing to say.
    """
    usual = signal.SIG_DFL, signal.default_int_handler
    heard = {number for number in SIGNALS if signal.getsignal(number) in usual}
    # without a mask (Windows) Python's own handling stays
    if not heard or not hasattr(signal, "pthread_sigmask"):
        return
    _heard.update(heard)
    block()
    for number in heard:
        signal.signal(number, _handle)
    # what tidies up after processes that were killed would say so
    ignored = "ignore:resource_tracker"
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), ignored]))
    # a main thread that comes to its end meanwhile would end the process before all that it has started
    atexit.register(_wait_for_end)
    threading.Thread(target=lambda: _end(signal.sigwait(heard)), name="signals", daemon=True).start()


def _wait_for_end() -> None:
    while _ending.locked():
        time.sleep(END_SECONDS)


def block() -> None:
    """Block again in this thread, for the processes that it starts, what a library has let through meanwhile."""
    if _heard:
        signal.pthread_sigmask(signal.SIG_BLOCK, _heard)


@contextmanager
def ended_by_others() -> Iterator[None]:
    """Let processes that this thread starts here hear SIGTERM, with which those that look after them end them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def at_end(action: Callable[[], object]) -> Iterator[None]:
    """Call something if the command is told to end meanwhile: for what lives elsewhere and would not end with it."""
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)


def end_with_parent(parent: int | None = None, end: Callable[[], object] = lambda: os._exit(1)) -> None:
    """End this process when the one that started it is gone, killed without a chance to end others.

    Args:
        parent: that process, which may be gone already; by default the present one, or the one that had it start this
            through a shell.
        end: what to do then.
    """
    shell = None if parent else _shell_between()
    parent = parent or os.getppid()
    starter = multiprocessing.parent_process()

    def watch() -> None:
        if starter is not None and starter.pid == parent and starter.sentinel is not None:
            # a copy that a fork server made, whose own parent is that server
            starter.join()
        else:
            while os.getppid() == parent and (shell is None or shell()):
                time.sleep(PARENT_SECONDS)
        end()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _shell_between() -> Callable[[], bool] | None:
    """Whether the process that gave its shell this script to run is still there; None without such a shell.

    Some shells become what they are given (bash), some start it and wait (dash), whatever happens to who started them.
    """
    import psutil

    script = os.path.basename(sys.argv[0])
    try:
        shell = psutil.Process(os.getppid())
        starter = shell.ppid()
        words: list[str] = shell.cmdline()
    except psutil.Error:
        return None
    # what Python is given by -c ends in no such line: there the script has no name
    is_between = len(words) > 1 and words[-2] == "-c" and script != "-c" and script in words[-1]

    def is_there() -> bool:
        try:
            return bool(shell.ppid() == starter)
        except psutil.Error:
            return False

    return is_there if is_between else None


def end_command() -> None:
    """End as if told to by SIGTERM."""
    _end(signal.SIGTERM)


def _handle(number: int, frame: FrameType | None) -> None:
    _end(number)


def _end(number: int) -> None:
    # a second signal may come to another thread, or in the midst of this
    if not _ending.acquire(blocking=False):
        return
    try:
        _end_at_last(128 + number)
        _say(number)
        stopped = _stop_descendants()
        if _actions:
            acting = threading.Thread(target=_act, daemon=True)
            acting.start()
            acting.join(ACTION_SECONDS)
            # what another thread has started meanwhile
            stopped += _stop_descendants()
        # from here on no other thread has a turn, which could answer to the end of a process by starting another
        sys.setswitchinterval(60)
        for pid in stopped:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    finally:
        os._exit(128 + number)


def _end_at_last(code: int) -> None:
    timer = threading.Timer(END_SECONDS, os._exit, [code])
    timer.daemon = True
    timer.start()


def _say(number: int) -> None:
    said = (
        f"error: interrupted by {signal.Signals(number).name}; what is finished is kept, and the same command goes on "
        "where this one stopped\n"
    )
    # not through sys.stderr, which another thread may hold
    with suppress(OSError):
        if os.isatty(1):
            # a bar of progress hides it
            os.write(1, _SHOW_CURSOR)
        os.write(2, f"\n{said}".encode() if os.isatty(2) else said.encode())


def _act() -> None:
    for action in reversed(_actions):
        with suppress(Exception):
            action()


def _stop_descendants() -> list[int]:
    """Have all processes that this one, or one of them, has started stand still, so that they can be ended together.

    Those that tidy up after others (semaphores, shared memory) are left: they do so when the others are gone, and end.
    """
    import psutil

    this = psutil.Process()
    seen: set[int] = set()
    stopped: list[int] = []
    while new := [child for child in this.children(recursive=True) if child.pid not in seen]:
        for child in new:
            seen.add(child.pid)
            with suppress(psutil.Error):
                if not any("resource_tracker" in word for word in child.cmdline()):
                    child.suspend()
                    stopped.append(child.pid)
    return stopped
