"""Runs of a second, and records of runs that never took place, for tests of what is made of runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hydra
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from whyrelu.config.grid import CONFIG_DIRECTORY, compose
from whyrelu.runs.sweep import job

TINY = ["trainer.max_epochs=2", "data.train_size=64", "width=2", "depth=1", "mlflow.tracking_uri=null"]


def configured(root: Path, folder: Path, *overrides: str) -> dict[str, Any]:
    """The configuration of a tiny run whose data is prepared in `root`, and whose folder is below `folder`."""
    return compose([*TINY, f"prepared_root={root}", f"run_root={folder}", *overrides])


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """A record without times and places: what has to be the same whenever and wherever it is trained."""
    metrics, provenance = dict(record["metrics"]), dict(record["provenance"])
    for times, keys in ((metrics, ("train_seconds", "samples_per_second")), (provenance, ("started", "seconds"))):
        for key in keys:
            del times[key]
    config = {key: value for key, value in record["config"].items() if key != "run_root"}
    return {**record, "config": config, "metrics": metrics, "provenance": provenance}


class InProcess(Launcher):
    """A launcher of Hydra that does one job after another in this process.

    Args:
        do: instead of `whyrelu.runs.sweep.job`.

    Attributes:
        launched: the overrides of the jobs of every launch.
    """

    def __init__(self, do: Callable[[DictConfig], str | None] = job) -> None:
        self._do = do
        self.launched: list[list[list[str]]] = []

    def setup(self, **_: Any) -> None:
        pass

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[Any]:
        self.launched.append([list(overrides) for overrides in job_overrides])
        with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
            configs = [hydra.compose("train", list(overrides)) for overrides in job_overrides]
        return [SimpleNamespace(return_value=self._do(config)) for config in configs]


def make_record(run_id: str = "0123456789abcdef", status: str = "completed", **changed: Any) -> dict[str, Any]:
    """The record of a run, as far as a store looks into it."""
    config = {"seed": 0, "tuning": {"first_seed": 1}}
    return {"run_id": run_id, "status": status, "config": config, "diagnostics": None, "error": None, **changed}
