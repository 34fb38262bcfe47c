"""What the scripts of src/ share: reading arguments, and errors as one line."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import NoReturn

from whyrelu.errors import UserError

# Read before `reporting_errors` sets the same variable for Hydra.
_WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR") == "1"


@contextmanager
def reporting_errors() -> Iterator[None]:
    """End the command with one line where a person can mend what is wrong; HYDRA_FULL_ERROR=1 gives tracebacks."""
    # Hydra shall not print errors in its own words
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # a person's own activation may live beside where the command is typed
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in (signal.SIGINT, signal.SIGTERM):
        # what a script has in the background ignores Ctrl-C
        if signal.getsignal(name) is not signal.SIG_IGN:
            signal.signal(name, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    _listen()
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        fail("interrupted; the same command goes on where this one stopped", code=130)
    except BrokenPipeError:
        # who reads the output has seen enough; what is left of it must not be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        from whyrelu.config.error_messages import explain

        if _WANTS_TRACEBACK:
            raise
        if isinstance(error, HydraException | OmegaConfBaseException):
            fail(str(explain(error, sys.argv[1:])))
        if not isinstance(error, UserError | OSError):
            raise
        fail(str(error))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End the command once: a second Ctrl-C does not disturb the first."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


@cache
def _listen() -> None:
    """Interrupt again every second after a signal, until that is heard and SIGALRM ignored.

    What a handler raises is lost where the interpreter is in a callback (at a fork, of a weak reference), and Ray puts
    its own in place of the handler of SIGTERM.
    """
    numbers, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def insist() -> None:
        while os.read(numbers, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass
        while True:
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGALRM)

    threading.Thread(target=insist, daemon=True).start()


def fail(message: str, code: int = 1) -> NoReturn:
    """Print `error: message` and leave with an exit code."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def overrides_from_arguments(description: str | None, arguments: Sequence[str] | None = None) -> list[str]:
    """The command line as overrides; with -h or --help print the description and leave."""
    given = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(given):
        print((description or "").strip())
        raise SystemExit(0)
    # a sweep's command line can be given to any script as it is
    overrides = [argument for argument in given if argument not in ("-m", "--multirun")]
    for override in overrides:
        if override.startswith("-") or not ("=" in override or override.startswith("~")):
            raise UserError(f"cannot read {override!r}: settings are given as key=value; --help shows examples")
    return overrides
