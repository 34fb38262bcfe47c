"""Which runs a grid consists of: every point of it with its identity, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whyrelu.config.grid import CONFIG_DIRECTORY, Run
from whyrelu.data.arrays import read_facts
from whyrelu.data.prepare import prepare
from whyrelu.errors import DataError, UserError
from whyrelu.runs.identity import run_id
from whyrelu.runs.store import RunStore


def identify(runs: Sequence[Run]) -> list[Run]:
    """Return the runs of a grid in its order, each once and with its identity.

    Raises:
        DataError: their data is not prepared.
    """
    fingerprints: dict[tuple[str, str], str] = {}
    found: dict[str, Run] = {}
    for run in runs:
        data = run.config["prepared_root"], run.config["data"]["name"]
        if data not in fingerprints:
            fingerprints[data] = data_fingerprint(run.config)
        identity = run_id(run.config, fingerprints[data])
        known = found.setdefault(identity, replace(run, run_id=identity))
        ways = tuple(dict.fromkeys((*known.given_lr, *run.given_lr)))
        if ways != known.given_lr:
            found[identity] = replace(known, given_lr=ways)
    return list(found.values())


def prepare_data(configs: Iterable[Mapping[str, Any]]) -> None:
    """Prepare the data sets of a grid, each once.

    Raises:
        UserError: two of the grid make different data sets under one name, which would replace each other.
    """
    fingerprints: dict[tuple[str, str], str] = {}
    for config in {str((config["prepared_root"], config["data"])): config for config in configs}.values():
        place = config["prepared_root"], config["data"]["name"]
        fingerprint = prepare(config["data"], Path(config["prepared_root"]))["fingerprint"]
        if fingerprints.setdefault(place, fingerprint) != fingerprint:
            raise UserError(
                f"the grid makes different data sets under the name {place[1]!r}: give each a sweep and a data.name of "
                "its own"
            )


def one_study(configs: Iterable[Mapping[str, Any]]) -> str:
    """Return the study of a grid.

    Raises:
        UserError: there are several, or some of its seeds are those that tuning uses.
    """
    stores = {RunStore.of(config).root: str(config["study"]) for config in configs}
    if len(stores) > 1:
        raise UserError(
            f"these runs belong to several folders ({', '.join(map(str, stores))}): give one study at a time"
        )
    return next(iter(stores.values()))


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
