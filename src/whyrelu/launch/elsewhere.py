"""Doing the jobs of a sweep in a process that shares the folder but was not started from this one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from whyrelu.errors import UserError, one_line

# What processes elsewhere need to import before they can be given anything else.
SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Worker:
    """What a process must know to do any job of a sweep; it can be pickled.

    Attributes:
        context: Hydra's.
        config: Hydra's, of the sweep.
        function: the task.
        state: of Hydra's singletons.
        folder: where the sweep was started; paths of runs are relative to it.
        path: where modules are looked for, a person's own too.
    """

    context: HydraContext
    config: DictConfig
    function: TaskFunction
    state: dict[Any, Any]
    folder: str
    path: tuple[str, ...]

    @classmethod
    def here(cls, context: HydraContext, config: DictConfig, function: TaskFunction) -> Worker:
        """Return a worker for the sweep that this process runs."""
        # a script's own folder and what is not installed, such as an activation beside where the command is typed
        path = tuple(os.path.abspath(place) for place in sys.path if not place.endswith((".zip", "-packages")))
        return cls(context, config, function, Singleton.get_state(), os.getcwd(), path)

    def __call__(self, index: int, overrides: Sequence[str]) -> JobReturn:
        """Do one job, as Hydra's own launchers do it."""
        from hydra_plugins.hydra_joblib_launcher._core import execute_job

        os.chdir(self.folder)
        sys.path += [place for place in self.path if place not in sys.path]
        done = execute_job(index, list(overrides), self.context, self.config, self.function, self.state)
        assert isinstance(done, JobReturn)
        # what it was configured with is large, and known to who asked
        done.cfg = done.hydra_cfg = None
        if done.status is JobStatus.FAILED:
            # not every error can be sent
            done.return_value = UserError(one_line(done._return_value))
        return done
