"""Logging to MLflow beside training, in a process of its own that nobody waits for.

A process and not a thread: importing MLflow takes ten seconds of computing, during which a thread would keep the
interpreter from the training loop; and a process that hangs on a server which never answers can be ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from whyrelu.config.schema import Config, MLflow

_SOURCE = Path(__file__).resolve().parents[2]
_PROGRAM = "from whyrelu.tracking.process import main; main()"


def _print_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Tracker:
    """Takes the ids of finished runs and sees to it that MLflow shows them; never raises and never waits, but to close.

    Args:
        uri: MLflow's address; None switches everything off.
        run_root: folder of the runs.
        say: is given the one line that is said when something could not be logged.
    """

    def __init__(self, uri: str | None, run_root: Path, say: Callable[[str], None] = _print_error) -> None:
        self._uri = uri
        self._run_root = run_root
        self._say = say
        self._submitted: set[str] = set()
        self._unsent: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stdout: IO[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._problem: str | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Close; who interrupts does not want to wait."""
        self.close(timeout=5.0 if exception[0] is KeyboardInterrupt else 60.0)

    @property
    def pid(self) -> int | None:
        """Of the process that logs, while there is one."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin to import MLflow and create its database, in the background; call it before the first run starts."""
        if self._uri is None or self._process is not None:
            return
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_SOURCE), environment.get("PYTHONPATH")]))
        # -P: a file in the working directory must not stand in for a module of the same name
        command = [sys.executable, "-P", "-W", "ignore", "-c", _PROGRAM, self._uri, str(self._run_root)]
        try:
            # files, because a pipe that nobody reads would fill up; closed by _end
            self._stdout, self._stderr = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=self._stdout,
                stderr=self._stderr,
                bufsize=0,
            )
            assert self._process.stdin is not None
            # A process that does not read must not make this one wait.
            os.set_blocking(self._process.stdin.fileno(), False)
        except OSError as error:
            self._problem = f"its process did not start: {error.strerror}"

    def submit(self, run_id: str) -> None:
        """Have a finished run logged, if it is not yet; returns at once."""
        if self._uri is None:
            return
        with self._lock:
            self._submitted.add(run_id)
            self._unsent.append(f"{run_id}\n".encode())
            self._send()

    def close(self, timeout: float = 60.0) -> None:
        """Wait until everything is logged, but not longer than `timeout` seconds; say in one line what is not."""
        if self._uri is None:
            return
        with self._lock:
            process, self._process = self._process, None
            settled = 0 if process is None else self._end(process, timeout)
            missing = len(self._submitted) - settled
            if missing > 0:
                self._say(
                    f"MLflow: {missing} of {len(self._submitted)} runs are not logged ({self._problem}); "
                    f"`{self._command()}` does it later"
                )
            self._submitted.clear()

    def _end(self, process: subprocess.Popen[bytes], timeout: float) -> int:
        """End the process; return how many runs need nothing more, and keep what was wrong."""
        problem = None
        rest = b"".join([*self._unsent, b"close\n"])
        self._unsent.clear()
        try:
            # without a run there is nothing to wait for: it may still be importing MLflow
            process.communicate(rest, timeout=timeout if self._submitted else 0.0)
        except subprocess.TimeoutExpired:
            problem = f"it takes longer than {timeout:.0f} s"
        except OSError as error:
            problem = f"its process cannot be reached: {error.strerror}"
        finally:
            process.kill()
            code = process.wait()
            if process.stdin is not None:
                process.stdin.close()
        output, errors = self._written(self._stdout), self._written(self._stderr)
        if problem is None and code != 0:
            problem = f"its process died: {errors[-1][:200] if errors else code}"
        report: dict[str, Any] = json.loads(output[-1]) if output else {"settled": 0, "problem": None}
        # what MLflow said explains more than how the process ended
        self._problem = report["problem"] or problem
        return int(report["settled"])

    @staticmethod
    def _written(file: IO[bytes] | None) -> list[str]:
        """Return the lines that the process wrote to a file, and close it."""
        if file is None:
            return []
        with file:
            file.seek(0)
            return [line for line in file.read().decode(errors="replace").split("\n") if line.strip()]

    def _send(self) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            while self._unsent:
                # A line is shorter than what a pipe takes in one piece: it is written whole or not at all.
                if self._process.stdin.write(self._unsent[0]) is None:
                    return
                self._unsent.popleft()
        except OSError:
            pass  # the process has died; close says so

    def _command(self) -> str:
        from whyrelu.tracking.client import without_password

        words = ["python src/track.py"]
        assert self._uri is not None
        if self._uri != MLflow().tracking_uri:
            words.append(f"mlflow.tracking_uri={without_password(self._uri)}")
        if str(self._run_root) != Config.run_root:
            words.append(f"run_root={self._run_root}")
        return " ".join(words)
