"""Which runs a grid consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from whyrelu.config.composition import CONFIG_DIRECTORY, compose_grid
from whyrelu.config.settings import Job, Settings
from whyrelu.data.arrays import read_facts
from whyrelu.errors import DataError
from whyrelu.runs.identity import Identifier


class PlannedRun(NamedTuple):
    """One run of a grid: its identity, its point of the grid, and so how it is started and called.

    `given_lr` has what lr was given as: "tuned", a number as text, or both if the tuned rate happens to be that number.
    """

    run_id: str
    job: Job
    given_lr: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """Its settings, of which some can be asked for at little cost."""
        return self.job.settings

    @property
    def config(self) -> dict[str, Any]:
        """Its resolved configuration, made anew each time."""
        return self.job.config

    @property
    def overrides(self) -> list[str]:
        """How it is started."""
        return self.job.overrides

    @property
    def label(self) -> str:
        """What it is called."""
        return self.job.label


def plan(overrides: Sequence[str]) -> list[PlannedRun]:
    """Return the runs of a grid in its order, each once.

    Args:
        overrides: as typed behind `python src/train.py -m`.

    Raises:
        UserError: the grid cannot be composed, or its data is not prepared.
    """
    return identify(compose_grid(overrides))


def identify(jobs: Sequence[Job]) -> list[PlannedRun]:
    """Return the runs of a composed grid in its order, each once."""
    fingerprints: dict[tuple[str, str], str] = {}
    runs: dict[str, PlannedRun] = {}
    identifier = Identifier()
    for job in jobs:
        data = (job.settings.value("prepared_root"), job.settings.value("data.name"))
        if data not in fingerprints:
            fingerprints[data] = data_fingerprint(job.config)
        identity = identifier(job.settings, fingerprints[data])
        run = runs.setdefault(identity, PlannedRun(identity, job, (job.given_lr,)))
        if job.given_lr not in run.given_lr:
            runs[identity] = run._replace(given_lr=(*run.given_lr, job.given_lr))
    return list(runs.values())


def data_fingerprint(config: Mapping[str, Any]) -> str:
    """Return the fingerprint of the prepared data of a configuration.

    Raises:
        DataError: the data is not prepared.
    """
    name = config["data"]["name"]
    facts = read_facts(Path(config["prepared_root"]) / name)
    if facts is None:
        command = f"data={name}" if (CONFIG_DIRECTORY / "data" / f"{name}.yaml").is_file() else "with the same settings"
        raise DataError(f"data set {name!r} is not prepared: python src/prepare.py {command}")
    return str(facts["fingerprint"])
