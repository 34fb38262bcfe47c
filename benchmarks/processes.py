"""Processes that are measured: the environment they get, and conversations with workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with the project's folders on the path of modules."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return os.environ | {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore"} | changes


class Worker:
    """A process of `benchmarks.worker`, as a context manager.

    Args:
        name: the implementation.
        root: where the synthetic set is.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, str(root)],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def wait(self) -> None:
        """Wait until everything is imported."""
        self._answer()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have a setting measured."""
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace")
            raise RuntimeError(f"the worker of {self.name} died: {said[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer
