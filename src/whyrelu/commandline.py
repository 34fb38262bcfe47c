"""What the scripts of src/ share: reading arguments, and errors as one line."""

from __future__ import annotations

import argparse
import functools
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import ParamSpec

from whyrelu.errors import UserError

P = ParamSpec("P")

# Read before `reports_errors` sets the same variable for Hydra.
_WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR") == "1"
PARAMS = Path("params.yaml")


def reports_errors(function: Callable[P, None]) -> Callable[P, None]:
    """Make a function end with one line and a non-zero exit code where a person can mend what is wrong.

    Set HYDRA_FULL_ERROR=1 to see tracebacks.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        # makes Hydra pass on what it would otherwise print in its own words
        os.environ["HYDRA_FULL_ERROR"] = "1"
        # a person's own activation may live beside where the command is typed
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        signal.signal(signal.SIGTERM, _interrupt)
        # what a script has in the background ignores Ctrl-C
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
        try:
            function(*args, **kwargs)
        except KeyboardInterrupt:
            fail("interrupted; the same command goes on where this one stopped", code=130)
        except BrokenPipeError:
            # who reads the output has seen enough; what is left of it must not be flushed at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        except Exception as error:
            from hydra.errors import HydraException
            from omegaconf.errors import OmegaConfBaseException

            known = isinstance(error, UserError | HydraException | OmegaConfBaseException | OSError)
            if _WANTS_TRACEBACK or not known:
                raise
            from whyrelu.config.explanation import explain

            # Hydra's error about a missing file is an OSError too
            is_plain = isinstance(error, OSError) and not isinstance(error, HydraException)
            fail(str(error) if is_plain else str(explain(error, sys.argv[1:])))

    return guarded


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End the command once: a second Ctrl-C does not disturb the first."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def fail(message: str, code: int = 1) -> None:
    """Print `error: message` and leave with an exit code."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def add_studies(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Let a command line name a study, or all; return the group of what excludes that."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("study", nargs="?", help="its tables are read from results/<study>/")
    group.add_argument("--all", action="store_true", help="every study that has tables")
    return group


def named_studies(given: argparse.Namespace, results: Path) -> list[str]:
    """Return the studies that a command line names, in alphabetical order; see `add_studies`."""
    if given.all:
        return sorted(path.parent.name for path in results.glob("*/claims.json"))
    return [given.study] if given.study else []


def overrides_from_arguments(description: str | None, arguments: Sequence[str] | None = None) -> list[str]:
    """Return the command line as overrides; with -h or --help print the description and leave.

    Raises:
        UserError: an argument is not a setting.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if any(argument in ("-h", "--help") for argument in given):
        print((description or "").strip())
        raise SystemExit(0)
    # a sweep's command line can be given to any script as it is
    overrides = [argument for argument in given if argument not in ("-m", "--multirun")]
    for override in overrides:
        is_setting = "=" in override and not override.startswith("-")
        if not is_setting and not override.startswith("~"):
            from whyrelu.config.explanation import not_a_setting

            raise not_a_setting(override)
    return overrides


def overrides_of_params(path: Path = PARAMS) -> list[str]:
    """Return what the stages of dvc.yaml are given: the study of params.yaml, and what a person would type behind it.

    Raises:
        UserError: the file is missing or does not say both.
    """
    import yaml

    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [f"experiment={params['study']}", *shlex.split(params["overrides"] or "")]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; run this in the project's folder") from error
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise UserError(f"{path} must say study: and overrides: ({' '.join(str(error).split())})") from error
