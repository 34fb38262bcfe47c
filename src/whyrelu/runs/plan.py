"""Which runs a grid consists of: every point of it with its identity, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whyrelu.config.grid import Run
from whyrelu.data.arrays import read_facts
from whyrelu.data.prepare import prepare
from whyrelu.errors import DataError, UserError
from whyrelu.runs.identity import run_id
from whyrelu.runs.store import RunStore


def identify(runs: Sequence[Run]) -> list[Run]:
    """The runs of a grid in its order, each once and with its identity, for which its data must be prepared."""
    fingerprints: dict[Path, str] = {}
    found: dict[str, Run] = {}
    for run in runs:
        folder = Path(run.config["prepared_root"]) / run.config["data"]["name"]
        if folder not in fingerprints:
            facts = read_facts(folder)
            if facts is None:
                raise DataError(
                    f"data set {folder.name!r} is not prepared: type python src/prepare.py and the same settings"
                )
            fingerprints[folder] = facts["fingerprint"]
        identity = run_id(run.config, fingerprints[folder])
        known = found.setdefault(identity, replace(run, run_id=identity))
        found[identity] = replace(known, given_lr=tuple(dict.fromkeys((*known.given_lr, *run.given_lr))))
    return list(found.values())


def prepare_data(configs: Iterable[Mapping[str, Any]]) -> None:
    """Prepare the data sets of a grid, each once; two of one name would replace each other, which is a UserError."""
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
    """The study of a grid; several are a UserError, and so are seeds of which some are for tuning."""
    stores = {RunStore.of(config).root: str(config["study"]) for config in configs}
    if len(stores) > 1:
        raise UserError(
            f"these runs belong to several folders ({', '.join(map(str, stores))}): give one study at a time"
        )
    return next(iter(stores.values()))
